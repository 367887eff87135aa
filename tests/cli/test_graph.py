"""``cdk8s-inference graph``: what is written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.console import named, run, save
from tests.kit import examples


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    file = tmp_path / "it.yaml"
    file.write_text(yaml.safe_dump_all(examples.base("disaggregated")))
    return file


def test_mermaid_by_default(manifests: Path) -> None:
    result = run("graph", manifests)
    assert result.exit_code == 0
    assert result.stdout.startswith("flowchart TB\n")
    assert "KV cache" in result.stdout


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.html", "<!DOCTYPE"), ("a.svg", "<svg"), ("a.dot", "digraph"), ("a.mmd", "flowchart")],
)
def test_a_file_has_the_format_of_its_name(manifests: Path, name: str, start: str) -> None:
    file = manifests.with_name(name)
    result = run("graph", manifests, "--output", file)
    assert result.stderr == f"1 deployment drawn in {file}\n"
    assert file.read_text().startswith(start)


def test_an_unreadable_file_is_told_and_nothing_is_written(manifests: Path) -> None:
    output = manifests.with_name("it.svg")
    bad = manifests.with_name("bad.yaml")
    bad.write_text("a: [\n")
    result = run("graph", manifests, bad, "--output", output)
    assert result.exit_code == 1
    assert f"{bad}:2: error[D001]" in result.stderr
    assert result.stderr.endswith("1 error: nothing written\n")
    assert not output.exists()


def test_documents_are_composed_first(tmp_path: Path) -> None:
    result = run("graph", save(tmp_path / "it.yaml", named("qwen")))
    assert result.exit_code == 0
    assert "qwen-0" in result.stdout


def test_findings_in_objects_are_drawn(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text(yaml.safe_dump_all(examples.broken("T109")))
    result = run("graph", file)
    assert result.exit_code == 0
    assert "T109" in result.stdout
    assert "T109" not in run("graph", file, "--ignore=T109").stdout


def test_where_nothing_serves(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: it}}")
    result = run("graph", file)
    assert result.exit_code == 1
    assert "nothing serves a model in 1 object" in result.stderr


def test_some_deployments(manifests: Path) -> None:
    assert run("graph", manifests, "--deployment=qwen").exit_code == 0
    result = run("graph", manifests, "--deployment=other")
    assert result.exit_code == 2
    assert "there is no deployment 'other'; there are llm/qwen" in result.stderr
