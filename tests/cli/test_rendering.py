"""Charts and Kustomize folders, with programs that stand for the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.console import run
from tests.kit import examples


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, and one with a chart beside a Kustomize folder."""
    (tmp_path / "made.yaml").write_text(yaml.safe_dump_all(examples.broken("T201")))
    for name, file in (("chart", "Chart.yaml"), ("kustomize", "kustomization.yaml")):
        (tmp_path / "repo" / name).mkdir(parents=True)
        (tmp_path / "repo" / name / file).write_text("name: a\n")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    monkeypatch.setenv("PATH", str(bin_))
    monkeypatch.chdir(tmp_path)
    return bin_


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


CAT = 'while IFS= read -r line; do echo "$line"; done < made.yaml'


def test_rendered(tools: Path) -> None:
    program(tools, "helm", f'[ "$1 $2" = "template repo/chart" ] && {CAT}')
    program(tools, "kubectl", f'[ "$1 $2" = "kustomize repo/kustomize" ] && {CAT}')
    found = json.loads(run("check", "--render", "repo", "--format", "json").stdout)
    files = {each["file"] for each in found if each["code"] == "T201"}
    assert "<helm template repo/chart>" in files
    assert all(each["line"] for each in found if each["code"] == "T201")
    assert {"T005", "T007"}.isdisjoint(each["code"] for each in found)


def test_a_program_that_is_not_there(tools: Path) -> None:
    result = run("check", "--render", "repo/kustomize")
    assert result.exit_code == 2
    assert "needs kustomize or kubectl on PATH" in result.stderr


def test_a_program_that_fails(tools: Path) -> None:
    program(tools, "helm", "echo no such value >&2; exit 3")
    result = run("check", "--render", "repo/chart")
    assert result.exit_code == 2
    assert "helm template repo/chart failed: no such value" in result.stderr


def test_not_asked_for(tools: Path) -> None:
    program(tools, "helm", "exit 1")
    result = run("check", "repo")
    assert "--render, or helm template repo/chart | cdk8s-inference check -" in result.stdout
    assert "nothing wrong" not in result.stdout


def test_documents_without_a_separator(tmp_path: Path) -> None:
    one, two = "kind: ConfigMap\nmetadata: {name: a}\n", "kind: Secret\nmetadata: {name: b}\n"
    file = tmp_path / "all.yaml"
    file.write_text(f"apiVersion: v1\n{one}apiVersion: v1\n{two}apiVersion: v1\n{one}")
    found = json.loads(run("check", file, "--format", "json").stdout)
    (told,) = (each for each in found if each["code"] == "D003")
    assert told["line"] == 4
    assert told["message"] == "another object begins here, without --- before it"


def test_a_field_written_twice_is_no_other_document(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nmetadata: {name: b}\n")
    assert "duplicate key, first on line 3" in run("check", file).stdout


def test_live_objects() -> None:
    """As `kubectl get -o yaml` writes them."""
    items: list[Any] = examples.base("disaggregated")
    for each in items:
        each["metadata"] |= {
            "creationTimestamp": "2026-08-01T10:00:00Z",
            "resourceVersion": "1",
            "uid": "5a8b9c1e-0000-4000-8000-000000000000",
            "generation": 1,
            "managedFields": [
                {
                    "manager": "kubectl",
                    "operation": "Apply",
                    "apiVersion": each["apiVersion"],
                    "time": "2026-08-01T10:00:00Z",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {"f:replicas": {}}},
                }
            ],
        }
        if each["kind"] == "Deployment":
            each["status"] = {"observedGeneration": 1, "replicas": 1, "availableReplicas": 1}
    live = {"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}}
    result = run("check", "-", input=yaml.safe_dump(live))
    assert result.stdout.startswith("nothing wrong in 12 objects")
