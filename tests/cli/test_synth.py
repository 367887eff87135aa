from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from cdk8s import App

from cdk8s_inference import ModelDeployment
from cdk8s_inference.cli.compose import compose
from cdk8s_inference.cli.files import inputs
from cdk8s_inference.cli.inputs import load
from cdk8s_inference.platform import Platform, UnifiedMode
from tests.cli.console import save, synth
from tests.document import builders


@pytest.mark.parametrize("mode", get_args(UnifiedMode))
def test_the_same_as_the_construct_writes(tmp_path: Path, mode: UnifiedMode) -> None:
    documents = [
        builders.unified(),
        builders.gangs(),
        builders.prefill_decode(),
        builders.everything_current(),
        builders.under_spec(builders.everything()),
    ]
    platform = Platform(unified_mode=mode)
    file = save(tmp_path / "all.yaml", *documents)
    loaded, _, _ = load(inputs([str(file)]), platform, None)
    expected = []
    for document in documents:
        app = App()
        ModelDeployment.from_document(app, "any-id", document, platform=platform)
        expected.append(app.synth_yaml())
    assert [each.text for each in compose(loaded, platform, 1)] == expected


def test_deployments_of_one_name_do_not_meet(tmp_path: Path) -> None:
    """Each has an app of its own: in one app their names would be refused."""
    file = save(tmp_path / "twice.yaml", builders.unified(), builders.unified())
    loaded, _, _ = load(inputs([str(file)]), Platform(), None)
    first, second = compose(loaded, Platform(), 1)
    assert first == second
    app = App()
    ModelDeployment.from_document(app, "first", builders.unified())
    with pytest.raises(ValueError, match="composed by chart first already"):
        ModelDeployment.from_document(app, "second", builders.unified())


def test_warnings_that_are_not_wanted(tmp_path: Path) -> None:
    document = builders.unified()
    document["spec"]["template"]["spec"]["engines"][0]["members"][0]["template"]["spec"][
        "containers"
    ][0]["image"] = "vllm/vllm-openai:latest"
    file = save(tmp_path / "latest.yaml", document)
    loud = synth(file, "--stdout", "--strict")
    assert (loud.exit_code, loud.stdout) == (1, "")
    (code,) = set(re.findall(r"warning\[(\w+)\]", loud.stderr))
    calm = synth(file, "--stdout", "--strict", "--ignore", code)
    assert calm.exit_code == 0
    assert calm.stdout
    assert code not in calm.stderr
    assert synth(file, "--stdout", "--prune").exit_code == 2


def test_a_twin_by_an_option_and_by_a_platform_file(tmp_path: Path) -> None:
    file = save(tmp_path / "all.yaml", builders.prefill_decode())
    (tmp_path / "platform.yaml").write_text("simulate: {}\n")
    option = synth(file, "--stdout", "--simulate").stdout
    assert "image: ghcr.io/llm-d/llm-d-inference-sim:v" in option
    assert option == synth(file, "--stdout", "--platform", tmp_path / "platform.yaml").stdout
    # The file says how, and the option whether.
    (tmp_path / "platform.yaml").write_text("simulate: {image: a/b:1}\n")
    said = synth(file, "--stdout", "--simulate", "--platform", tmp_path / "platform.yaml").stdout
    assert "image: a/b:1" in said
