"""What is composed again, and what an earlier run's manifests are taken for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cdk8s_inference.cli import compose as composing
from cdk8s_inference.cli import manifest_cache
from tests.cli.console import named, save, synth

Run = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``synth`` with a cache: what it writes, and the names of what it composed."""
    composed: list[str] = []
    real = composing._composed

    def counted(item: Any, platform: Any) -> Any:
        composed.append(item.deployment.name)
        return real(item, platform)

    monkeypatch.setattr(composing, "_composed", counted)

    def run(*arguments: str | Path) -> tuple[str, list[str]]:
        composed.clear()
        result = synth(*arguments, "--stdout", "--cache", tmp_path / "cache")
        assert result.exit_code == 0, result.stderr
        return result.stdout, list(composed)

    return run


def test_only_what_changed_is_composed(tmp_path: Path, run: Run) -> None:
    one, two = named("one"), named("two")
    file = save(tmp_path / "all.yaml", one, two)
    first, composed = run(file)
    assert composed == ["one", "two"]
    assert run(file) == (first, [])
    # Where a document stands in which file does not matter.
    moved = save(tmp_path / "moved.yaml", two, one)
    assert sorted(run(moved)[0]) == sorted(first)
    assert run(moved)[1] == []
    container = two["spec"]["template"]["spec"]["engines"][0]["members"][0]["template"]["spec"]
    container["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    assert run(save(file, one, two))[1] == ["two"]


@pytest.mark.parametrize(
    "options",
    [
        ("--namespace", "other"),
        ("--node-pool", "h100"),
        ("--router-release", "v0.9.0"),
        ("--device-class", "gpu=other"),
        ("--simulate",),
        ("--gateway-provider", "istio"),
    ],
    ids=lambda options: options[0],
)
def test_options_are_part_of_it(tmp_path: Path, run: Run, options: tuple[str, ...]) -> None:
    file = save(tmp_path / "one.yaml", named("one"))
    without, _ = run(file)
    with_them, composed = run(file, *options)
    assert composed == ["one"]
    assert run(file) == (without, [])
    assert run(file, *options) == (with_them, [])


def test_so_are_the_day_and_the_code(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path / "one.yaml", named("one"))
    run(file)

    class Tomorrow(date):
        @classmethod
        def today(cls) -> Tomorrow:
            return cls(2099, 1, 1)

    with monkeypatch.context() as patched:
        patched.setattr(manifest_cache, "date", Tomorrow)
        assert run(file)[1] == ["one"]
    package = tmp_path / "package"
    package.mkdir()
    (package / "rule.py").write_text("one = 1\n")
    monkeypatch.setattr(manifest_cache, "_PACKAGE", package)
    assert run(file)[1] == ["one"]
    assert run(file)[1] == []
    (package / "rule.py").write_text("two = 22\n")
    assert run(file)[1] == ["one"]
    installed = tmp_path / "installed"
    (installed / "other-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(installed)
    assert run(file)[1] == ["one"]


def test_a_document_with_a_finding_is_told_of_again(tmp_path: Path) -> None:
    document = named("one")
    engine = document["spec"]["template"]["spec"]["engines"][0]
    engine["members"][0]["template"]["spec"]["containers"][0]["image"] = "vllm/vllm-openai:latest"
    file = save(tmp_path / "one.yaml", document)
    arguments = (file, "--stdout", "--cache", tmp_path / "cache")
    first, second = synth(*arguments), synth(*arguments)
    assert "warning[" in first.stderr
    assert (first.stdout, first.stderr) == (second.stdout, second.stderr)


def test_rules_of_other_packages_see_everything(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path / "one.yaml", named("one"))
    run(file)
    monkeypatch.setattr(manifest_cache, "may_have_rules", lambda: True)
    assert run(file)[1] == ["one"]


def test_an_entry_that_is_damaged_or_old(tmp_path: Path, run: Run) -> None:
    file = save(tmp_path / "one.yaml", named("one"))
    text, _ = run(file)
    (entry,) = (tmp_path / "cache").iterdir()
    whole = entry.read_bytes()
    for damaged in (whole[:-9], whole.replace(b"one", b"two"), b"", b"\xff"):
        entry.write_bytes(damaged)
        assert run(file) == (text, ["one"])
    old = time.time() - (manifest_cache.KEPT_DAYS + 1) * 86400
    os.utime(entry, (old, old))
    assert run(file)[1] == ["one"]


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    file = save(tmp_path / "one.yaml", named("one"))
    (tmp_path / "file").write_text("")
    result = synth(file, "--stdout", "--cache", tmp_path / "file" / "cache")
    assert result.exit_code == 0
    assert result.stdout
