"""The command line composes without Node.js what constructs compose with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdk8s_inference import plain_tree
from tests.cli.console import named, program, recorder, runs, save, synth, tree
from tests.document.builders import edited, gangs, prefill_decode
from tests.document.test_serving_stack import SMALLEST


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    shapes = [
        named("unified"),
        gangs(),
        edited(prefill_decode(), "spec.replicas", 2),
    ]
    made = [edited(each, "metadata.name", f"shape-{index}") for index, each in enumerate(shapes)]
    return save(tmp_path / "all.yaml", *made, SMALLEST)


def test_the_same_bytes_without_node(documents: Path, tmp_path: Path) -> None:
    options = ("--unified", "picker", "--gateway-provider", "istio", "--delivery", "k3s")
    assert not plain_tree.is_used()
    constructs = synth(documents, *options, "--output", tmp_path / "constructs")
    node = recorder(tmp_path / "bin")
    plain = program(
        "synth", documents, *options, "--output", tmp_path / "plain", env={"JSII_NODE": str(node)}
    )
    assert (constructs.exit_code, plain.returncode) == (0, 0), plain.stderr
    assert runs(node) == []
    assert tree(tmp_path / "plain") == tree(tmp_path / "constructs")
    said = constructs.stderr.replace("/constructs\n", "/plain\n")
    assert plain.stderr.decode().splitlines()[-1] == said.splitlines()[-1]
