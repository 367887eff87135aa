from __future__ import annotations

import errno
import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk8s_inference.cli.files import Input
from cdk8s_inference.cli.inputs import Loaded
from cdk8s_inference.cli.output import file_names, write
from cdk8s_inference.cli.stdout import to_stdout
from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.source import Document
from tests.cli.console import tree
from tests.document.builders import accepted, unified

SPEC = accepted(unified()).spec


def loaded(namespace: str, name: str, file: str) -> Loaded:
    return Loaded(Deployment(name, namespace, SPEC), (), Document({}), Input(file))


def names(*items: tuple[str, str, str]) -> list[str]:
    return [name.removesuffix(".k8s.yaml") for name in file_names([loaded(*i) for i in items])]


def test_names() -> None:
    assert names(("a", "x", "1.yaml"), ("b", "x", "1.yaml")) == ["a.x", "b.x"]
    assert names(("a", "x", "d/1.yaml"), ("a", "x", "2.json"), ("a", "y", "2.json")) == [
        "a.x.1",
        "a.x.2",
        "a.y",
    ]
    assert names(("a", "y", "1"), ("a", "x", "d/1"), ("a", "x", "e/1"), ("a", "x", "2")) == [
        "a.y",
        "a.x.1.1",
        "a.x.1.2",
        "a.x.2",
    ]


LABELS = st.text("ab-0", min_size=1, max_size=3) | st.text("a", min_size=62, max_size=63)


@given(st.lists(st.tuples(LABELS, LABELS, st.text(max_size=5) | st.just("x" * 255)), max_size=8))
def test_names_are_unique_and_fit(items: list[tuple[str, str, str]]) -> None:
    found = names(*items)
    assert len({name.casefold() for name in found}) == len(items)
    assert all(len(f"{name}.k8s.yaml") <= 255 for name in found)
    assert all("/" not in name and name.isprintable() for name in found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a link, and a file of others."""
    made = tmp_path / "out"
    made.mkdir()
    (made / "a").write_text("old a")
    (tmp_path / "elsewhere").write_text("linked")
    (made / "b").symlink_to(tmp_path / "elsewhere")
    (made / "other.yaml").write_text("other")
    return made


TEXTS = {"0": "new 0", "a": "new a", "b": "new b", "c": "new c"}


def test_write(folder: Path) -> None:
    write(TEXTS, folder)
    assert tree(folder) == {**TEXTS, "other.yaml": "other"}
    assert (folder.parent / "elsewhere").read_text() == "linked"


def test_write_makes_the_folder(tmp_path: Path) -> None:
    write({"a": "é\n"}, tmp_path / "x" / "y")
    assert (tmp_path / "x" / "y" / "a").read_bytes() == "é\n".encode()


def failing(call: Callable[..., Any], at: int, error: BaseException) -> Callable[..., Any]:
    """The call, but that its ``at``-th time fails."""
    count = 0

    def instead(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == at:
            raise error
        return call(*arguments, **options)

    return instead


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    ("owner", "name", "calls"), [(Path, "write_bytes", 4), (shutil, "copy2", 2), (os, "replace", 4)]
)
def test_a_failure_changes_nothing(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    calls: int,
    error: BaseException,
) -> None:
    before = tree(folder)
    for at in range(1, calls + 1):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, failing(getattr(owner, name), at, error))
            with pytest.raises(type(error)):
                write(TEXTS, folder)
        assert tree(folder) == before
        assert sorted(path.name for path in folder.iterdir()) == ["a", "b", "other.yaml"]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing(getattr(owner, name), calls + 1, error))
        write(TEXTS, folder)


def test_no_file_is_ever_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, seen = os.replace, []

    def watched(source: Path, target: Path) -> None:
        seen.append([os.path.lexists(folder / name) for name in ("a", "b", "other.yaml")])
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    write(TEXTS, folder)
    assert seen == [[True] * 3] * len(TEXTS)


OURS = """\
kind: Service
metadata:
  labels:
    app.kubernetes.io/managed-by: cdk8s-inference
"""
THEIRS = "kind: Service\nmetadata: {}\n"


def test_prune(tmp_path: Path) -> None:
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    for name, text in {
        "a.old.k8s.yaml": OURS,
        "a.stack.k8s.yaml": f"{OURS}---\n{crd}",
        "a.kept.k8s.yaml": OURS,
        "a.edited.k8s.yaml": f"{OURS}---\n{THEIRS}",
        "crds.k8s.yaml": crd,
        "own.yaml": OURS,
    }.items():
        (tmp_path / name).write_text(text)
    assert write({"a.kept.k8s.yaml": "new"}, tmp_path) == []
    removed = write({"a.kept.k8s.yaml": "newer"}, tmp_path, prune=True)
    assert removed == ["a.old.k8s.yaml", "a.stack.k8s.yaml"]
    left = {"a.kept.k8s.yaml", "a.edited.k8s.yaml", "crds.k8s.yaml", "own.yaml"}
    assert {each.name for each in tmp_path.iterdir()} == left


def test_a_folder_in_the_place_of_a_file(folder: Path) -> None:
    (folder / "c").mkdir()
    before = tree(folder)
    with pytest.raises(IsADirectoryError):
        write(TEXTS, folder)
    assert tree(folder) == before


def test_standard_output_is_utf8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", newline="\r\n"))
    to_stdout(["a: é\n", "b: 1\n"])
    assert raw.getvalue().decode() == "a: é\n---\nb: 1\n"


def test_closed_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OSError, match="closed"):
        to_stdout(["a: 1\n"])


def test_standard_output_that_takes_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raw(io.BytesIO):
        def write(self, content: Any) -> int:
            return super().write(bytes(content[:3]))

    stream = io.TextIOWrapper(Raw(), write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    to_stdout(["a: 1\n", "b: 1\n"])
    assert stream.buffer.getvalue() == b"a: 1\n---\nb: 1\n"
