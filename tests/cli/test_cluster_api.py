"""The cluster that is meant: --kubernetes and --schemas."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.console import run

PROMPT = """\
apiVersion: example.com/v1
kind: Prompt
metadata: {name: a, namespace: llm}
spec: {tex: hello}
"""
CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: prompts.example.com}
spec:
  group: example.com
  names: {kind: Prompt, plural: prompts}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {type: object, properties: {text: {type: string}}}
"""


def test_crds_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "crds.yaml").write_text(CRD)
    assert "note[K010]" in run("check", "-", input=PROMPT).stdout
    told = run("check", "-", "--schemas", str(tmp_path), input=PROMPT)
    assert told.exit_code == 1
    assert "error[K001] Prompt llm/a spec.tex: spec has no field tex" in told.stdout
    assert "did you mean text?" in told.stdout


def test_a_folder_without_crds(tmp_path: Path) -> None:
    told = run("check", "-", "--schemas", str(tmp_path), input=PROMPT)
    assert told.exit_code == 2
    assert "holds no CustomResourceDefinition" in told.stderr


@pytest.mark.parametrize("release", ["1.34", "v1.34", "v1.34.2"])
def test_a_release(release: str) -> None:
    policy = (
        "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\n"
        "metadata: {name: a}\nspec: {}\n"
    )
    told = run("check", "-", "--kubernetes", release, input=policy)
    assert "error[K009]" in told.stdout
    assert "K009" not in run("check", "-", "--kubernetes", "1.36", input=policy).stdout


def test_a_release_that_is_not_known() -> None:
    told = run("check", "-", "--kubernetes", "1.20", input=PROMPT)
    assert told.exit_code == 2
    assert "1.34, 1.35, 1.36" in told.stderr
