from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cdk8s_inference.cli.files import Input, inputs
from cdk8s_inference.cli.inputs import load
from cdk8s_inference.findings import Finding
from cdk8s_inference.platform import Platform
from tests.cli.console import named, save
from tests.document.builders import ABSENT, edited


def loaded(*paths: Path, namespace: str | None = None) -> tuple[list[str], list[Finding]]:
    valid, _, findings = load(inputs([str(path) for path in paths]), Platform(), namespace)
    return [item.name for item in valid], findings


def unreadable(argument: str) -> Finding:
    valid, _, [finding] = load(inputs([argument]), Platform(), None)
    assert not valid
    assert (finding.code, finding.severity) == ("D001", "error")
    return finding


def test_a_file_that_is_named_twice_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = save(tmp_path / "a.yaml", named("a"))
    (tmp_path / "link.yaml").symlink_to(file)
    arguments = ["a.yaml", "-", "./a.yaml", str(file), "link.yaml", "-", "./-", "b.yaml"]
    assert [one.argument for one in inputs(arguments)] == ["a.yaml", "-", "./-", "b.yaml"]


def test_order_and_names_are_those_of_the_command_line(tmp_path: Path) -> None:
    second = save(tmp_path / "b.yaml", named("d"), named("c"))
    first = save(tmp_path / "a.json", named("a", "other"))
    assert loaded(second, first) == (["ml-team/d", "ml-team/c", "other/a"], [])
    assert loaded(first, namespace="prod") == (["prod/a"], [])


def test_all_findings_of_all_files(tmp_path: Path) -> None:
    bad = edited(named("bad"), "spec.replicas", 0)
    worse = edited(edited(named("worse"), "kind", "Deployment"), "apiVersion", "apps/v1")
    first = save(tmp_path / "first.yaml", bad, named("good"), worse)
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    last = save(tmp_path / "last.yaml", edited(named("last"), "spec.template", ABSENT))
    valid, findings = loaded(first, broken, tmp_path / "absent", last)
    assert valid == ["ml-team/good"]
    places = [(Path(f.file or "").name, f.code) for f in findings]
    assert places[:5] == [
        ("first.yaml", "D007"),
        ("first.yaml", "D010"),
        ("first.yaml", "D010"),
        ("broken.yaml", "D001"),
        ("absent", "D001"),
    ]
    assert {file for file, _ in places[5:]} == {"last.yaml"}
    line = first.read_text().splitlines().index("  replicas: 0") + 1
    assert (findings[0].line, findings[0].path) == (line, "spec.replicas")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    finding = unreadable(str(tmp_path / "absent.yaml"))
    assert "No such file" in finding.message
    assert "exists" in finding.fix


def test_no_name_at_all() -> None:
    assert "No such file" in unreadable("").message


def test_a_folder(tmp_path: Path) -> None:
    finding = unreadable(str(tmp_path))
    assert "directory" in finding.message
    assert str(tmp_path / "*") in finding.fix


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    finding = unreadable(str(tmp_path / "a"))
    assert "cannot be read" in finding.message
    assert "may read" in finding.fix


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    finding = unreadable("-")
    assert finding.file == "<stdin>"
    assert "closed" in finding.message


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a file without an end")
def test_a_file_without_an_end() -> None:
    [finding] = load(inputs(["/dev/zero"]), Platform(), None)[2]
    assert finding.code == "D002"


@pytest.mark.parametrize(
    ("argument", "stem"),
    [
        ("-", "stdin"),
        ("folder.d/Qwen3.8b.yaml", "qwen3"),
        ("a b\n/c d'é.yaml", "c-d-"),
        ("..", "document"),
        (".hidden", "document"),
        ("x" * 255, "x" * 64),
        ("\udcff.yaml", "-"),
    ],
)
def test_stem(argument: str, stem: str) -> None:
    assert Input(argument).stem == stem
