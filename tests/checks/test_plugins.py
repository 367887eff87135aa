"""Rules of another package: the example's, and such as fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk8s_inference.checks import RULES, Topology, Violation, check, rule
from cdk8s_inference.checks.plugins import GROUP, load_rules
from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.source import Document
from tests.cli.console import run
from tests.kit import examples

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "custom-rules"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    known = dict(RULES)
    yield
    RULES.clear()
    RULES.update(known)
    load_rules.cache_clear()
    all_rules.cache_clear()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Installs a package with an entry point."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.delitem(__import__("sys").modules, "team_rules", raising=False)

    def install(value: str) -> None:
        folder = tmp_path / "team-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: team\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\nteam = {value}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        load_rules.cache_clear()
        all_rules.cache_clear()

    return install


def codes() -> list[str]:
    objects = examples.base("disaggregated")
    return [each.code for each in check([Document(each) for each in objects])]


def test_the_example(installed: Any) -> None:
    assert codes() == []
    installed("team_rules")
    assert set(codes()) == {"TEAM001", "TEAM002"}
    assert "An object has no owner" in run("rules", "TEAM").stdout
    assert run("explain", "TEAM001").stdout.startswith("TEAM001 (error): An engine's image")
    assert run("check", examples_file(), "--ignore", "TEAM").exit_code == 0


def examples_file() -> Path:
    root = Path(__file__).resolve().parents[2] / "constructs" / "cdk8s_inference"
    return root / "findings" / "examples" / "disaggregated.yaml"


def test_a_package_that_cannot_be_loaded(installed: Any) -> None:
    installed("no_such_module")
    (found,) = check([Document(each) for each in examples.base("disaggregated")])
    assert (found.code, found.severity) == ("T009", "error")
    assert "team = no_such_module cannot be loaded: ModuleNotFoundError" in found.message


def test_a_rule_that_fails() -> None:
    @rule("TEAM009", "error", "It fails", why="", evidence="", fix="", example=None)
    def fails(topology: Topology) -> Iterator[Violation]:
        yield Violation(None, str(1 // 0))

    (found,) = check([Document(each) for each in examples.base("disaggregated")])
    assert found.code == "T009"
    assert found.message == "TEAM009 failed: ZeroDivisionError: integer division or modulo by zero"
