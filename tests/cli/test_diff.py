from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from cdk8s_inference.cli.diff_formats import markdown
from tests.cli.console import run, save
from tests.diff.pairs import PAIRS
from tests.document import builders

DOCS = Path(__file__).parents[2] / "docs"


def written(folder: Path, name: str) -> tuple[Path, Path]:
    """The files of a pair."""
    old, new = PAIRS[name]()
    for side, objects in (("old", old), ("new", new)):
        (folder / side).mkdir(parents=True)
        text = yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=False)
        (folder / side / f"{side}.yaml").write_text(text)
    return folder / "old", folder / "new"


@pytest.fixture
def pair(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    return lambda name: written(tmp_path, name)


def schema() -> Any:
    """The schema, with that of findings in it."""
    text, findings = (
        (DOCS / name).read_text() for name in ("diff.schema.json", "findings.schema.json")
    )
    found = json.loads(text.replace("findings.schema.json#", "#"))
    found["$defs"] |= json.loads(findings)["$defs"]
    return Draft202012Validator(found)


@pytest.mark.parametrize(
    ("name", "status"),
    [("nothing", 0), ("copies", 1), ("image", 1), ("new", 0)],
)
def test_exit_code(name: str, status: int, tmp_path: Path) -> None:
    old, new = written(tmp_path, name)
    if name == "new":
        (old / "old.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: llm}\n")
    assert run("diff", old, new, "--exit-code").exit_code == status
    assert run("diff", old, new).exit_code == 0


@pytest.mark.parametrize(
    "name", ["image", "claim", "route", "secret", "gone", "mode", "listener", "service selector"]
)
def test_json(name: str, pair: Callable[[str], tuple[Path, Path]]) -> None:
    old, new = pair(name)
    if name == "gone":
        (new / "new.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: llm}\n")
    result = run("diff", old, new, "--format", "json")
    found = json.loads(result.stdout)
    assert list(schema().iter_errors(found)) == []
    assert "correct-horse" not in result.stdout


def test_json_has_the_values(pair: Callable[[str], tuple[Path, Path]]) -> None:
    found = json.loads(run("diff", *pair("image"), "--format", "json").stdout)
    (model,) = found["models"]
    assert [(each["role"], each["restarts"]) for each in model["engines"]] == [
        ("prefill", 2),
        ("decode", 2),
    ]
    assert [each["findings"][0]["code"] for each in model["mixed"]] == ["T305", "T305"]
    assert len(found["fields"]) == 1


def test_markdown(pair: Callable[[str], tuple[Path, Path]], snapshot: SnapshotAssertion) -> None:
    text = run("diff", *pair("image"), "--format", "markdown").stdout
    assert text.startswith(markdown.MARK)
    assert text == snapshot


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


def test_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = written(tmp_path, "image")
    git(tmp_path, "init", "--quiet")
    (tmp_path / "dist").mkdir()
    manifest = tmp_path / "dist" / "all.yaml"
    manifest.write_text((old / "old.yaml").read_text())
    git(tmp_path, "add", "dist")
    git(tmp_path, "commit", "--quiet", "--message=old")
    manifest.write_text((new / "new.yaml").read_text())
    (tmp_path / "within").mkdir()
    monkeypatch.chdir(tmp_path)
    whole = run("diff", "--git", "HEAD")
    assert whole.stdout.splitlines()[-1].startswith("4 pods restart (8 accelerators)")
    monkeypatch.chdir(tmp_path / "within")
    assert run("diff", "--git", "HEAD", "../dist").stdout == whole.stdout
    assert run("diff", "--git", "HEAD", "../old").stdout.splitlines()[-1] == "5 pods start"
    refused = run("diff", "--git", "nowhere", "../dist")
    assert refused.exit_code == 2
    assert "there is no such revision" in refused.stderr
    outside = run("diff", "--git", "HEAD", "/etc/hosts")
    assert (outside.exit_code, "is not in the repository" in outside.stderr) == (2, True)


def test_usage(tmp_path: Path) -> None:
    assert run("diff", tmp_path).exit_code == 2
    assert run("diff").exit_code == 2
    missing = run("diff", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert missing.exit_code == 2
    assert "D001" in missing.stderr


def test_a_file_that_cannot_be_read_is_no_change(tmp_path: Path) -> None:
    good = save(tmp_path / "good.yaml", {"apiVersion": "v1", "kind": "Namespace",
                                         "metadata": {"name": "a"}})  # fmt: skip
    bad = tmp_path / "bad.yaml"
    bad.write_text("kind: [")
    result = run("diff", good, bad)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "bad.yaml" in result.stderr


def test_documents_are_composed_first(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", builders.unified())
    result = run("diff", file, file)
    assert result.exit_code == 2
    assert "compose it with cdk8s-inference synth" in result.stderr


def test_text_of_others_controls_no_terminal(tmp_path: Path) -> None:
    files: list[Any] = []
    for value in ("\x1b[31mred", "\x1b]0;title\x07"):
        found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
                 "data": {"key\x1b[1m": value}}  # fmt: skip
        files.append(save(tmp_path / f"{len(files)}.yaml", found))
    for format in ("text", "markdown", "json"):
        assert "\x1b" not in run("diff", *files, "--format", format).stdout


def test_the_documentation_shows_what_is_said(tmp_path: Path) -> None:
    text = (DOCS / "diff.md").read_text()
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert run("diff", *written(tmp_path, "image")).stdout == shown


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose dist/ is committed, and the working directory."""
    old, _ = written(tmp_path / "pair", "image")
    git(tmp_path, "init", "--quiet")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "all.yaml").write_text((old / "old.yaml").read_text())
    git(tmp_path, "add", "dist")
    git(tmp_path, "commit", "--quiet", "--message=old")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_git_where_a_folder_goes(committed: Path) -> None:
    shutil.rmtree(committed / "dist")
    result = run("diff", "--git", "HEAD", "--exit-code")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (1, "5 pods stop")
    assert run("diff", "--git", "HEAD", "nowhere").exit_code == 2


def test_git_renders_with_what_is_beside_the_path(
    committed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An overlay names a base that is in another folder."""
    overlay = committed / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: [../dist]\n")
    git(committed, "add", "overlay")
    git(committed, "commit", "--quiet", "--message=overlay")
    shutil.copy(committed / "pair" / "new" / "new.yaml", committed / "dist" / "all.yaml")
    kubectl = committed / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text('#!/bin/sh\nexec cat "$2/../dist/all.yaml"\n')
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{kubectl.parent}{os.pathsep}{os.environ['PATH']}")
    result = run("diff", "--git", "HEAD", "--render", "overlay")
    assert result.stdout.splitlines()[-1].startswith("4 pods restart"), result.stderr
