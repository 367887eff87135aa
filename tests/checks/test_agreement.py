"""``check`` says of a document all that ``synth`` says, at the same lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import yaml

from cdk8s_inference.checks.composed import at_document
from cdk8s_inference.document.validation import check
from cdk8s_inference.findings import Edit, Finding
from cdk8s_inference.findings.example import apply, example_text
from cdk8s_inference.source import read
from tests.cli.console import run
from tests.kit.shared import SHARED

Told = set[tuple[str, str, int | None]]

OF_NO_DOCUMENT = {"30-helm", "45-helm-values", "46-list", "47-deploy"}
"""Files without a document: ``synth`` has nothing to compose, ``check`` judges what is there."""

DEVICES = """\
              nodeSelector:
                devices:
                  - name: gpu
                    count: 8
                    selectors:
                      - cel: device.attributes["gpu.nvidia.com"].architecture == "Hopper"
"""

# fmt: off
SLIPS: dict[str, tuple[str, dict[str, str], str]] = {
    # What, the example, what stands there in place of what, and the code that tells of it.
    "wrong type": ("prefill-decode", {"replicas: 1": 'replicas: "1"'}, "D006"),
    "wrong type in a list": ("prefill-decode", {"- --port=8000": "- 8000"}, "D006"),
    "object in place of a text": ("prefill-decode", {"name: qwen\n": "name: {a: b}\n"}, "D006"),
    "text in place of a list": ("unified", {"engines:\n": "engines: x\n      y:\n"}, "D006"),
    "null": ("prefill-decode", {"name: qwen\n": "name:\n"}, "D005"),
    "misspelled key": ("prefill-decode", {"copies: 2": "copis: 2"}, "D004"),
    "key in another case": ("prefill-decode", {"phase: Prefill": "Phase: Prefill"}, "D004"),
    "misspelled key at the root": ("prefill-decode", {"spec:\n  rep": "specs:\n  rep"}, "D004"),
    "missing field": ("prefill-decode", {"  replicas: 1\n": ""}, "D005"),
    "missing field in a list": ("unified", {"image: vllm/vllm-openai:v0.32.0": "env: []"}, "D005"),
    "missing apiVersion": ("prefill-decode", {"apiVersion: modelplane.ai/v1alpha1\n": ""}, "D010"),
    "misspelled group": ("prefill-decode", {"modelplane.ai/": "modelplan.ai/"}, "D010"),
    "group in another case": ("prefill-decode", {"modelplane.ai/": "ModelPlane.ai/"}, "D010"),
    "no group": ("prefill-decode", {"modelplane.ai/v1alpha1": "v1alpha1"}, "D010"),
    "another version": ("prefill-decode", {"modelplane.ai/v1alpha1": "modelplane.ai/v1"}, "D010"),
    "no group of a stack": ("stack", {"infrastructure.modelplane.ai/v1alpha1": "v1"}, "D010"),
    "bad enum": ("prefill-decode", {"mode: PrefillDecode": "mode: Disaggregated"}, "D008"),
    "bad enum in a list": ("prefill-decode", {"phase: Decode": "phase: decode"}, "D008"),
    "duplicate key": ("unified", {"copies: 2": "copies: 2\n          copies: 3"}, "D003"),
    "rule of the CRD": ("prefill-decode", {"mode: PrefillDecode": "mode: Unified"}, "D104"),
    "invalid name": ("prefill-decode", {"name: qwen\n": "name: qwen.2\n"}, "D009"),
    "too many": ("prefill-decode", {"replicas: 1": "replicas: 11"}, "D007"),
    "no port": ("prefill-decode", {"- --port=8001\n": "- --seed=0\n"}, "D201"),
    "no port of SGLang": (
        "unified",
        {"vllm/vllm-openai:v0.32.0": "lmsysorg/sglang:v0.5.9", "--port=8000": "--tp-size=1",
         "args:": "command: [python3, -m, sglang.launch_server]\n                      args:"},
        "T616",
    ),
    "no devices": ("multi-node", {DEVICES: ""}, "T705"),
    "no YAML": ("prefill-decode", {"copies: 2": "copies: 2: 3"}, "D001"),
    "tab": ("prefill-decode", {"  replicas": "\treplicas"}, "D001"),
    "alias without anchor": ("prefill-decode", {"copies: 2": "copies: *two"}, "D001"),
    "misspelled waiver": (
        "prefill-decode",
        {"name: qwen\n": "name: qwen\n  annotations: {cdk8s-inference/waiveT503: a}\n"},
        "T008",
    ),
    "unreadable waiver": (
        "prefill-decode",
        {"name: qwen\n": "name: qwen\n  annotations: {cdk8s-inference/waive-T503: a; until x}\n"},
        "T004",
    ),
    "template": ("prefill-decode", {"name: qwen\n": "name: {{ .Values.name }}\n"}, "T007"),
}
# fmt: on
"""One slip each, in an example: at the root, within, in lists, of every kind."""


def told(text: str) -> Told:
    found = json.loads(text)
    # T000 is what check read.
    return {
        (each["code"], each["severity"], each["line"]) for each in found if each["code"] != "T000"
    }


def documents() -> Iterator[Path]:
    for file in resources.files("cdk8s_inference.findings.examples").iterdir():
        kinds = [each["kind"] for each in _objects(Path(str(file)))] if _is_yaml(file.name) else []
        if "ModelDeployment" in kinds:
            yield Path(str(file))
    if SHARED is not None:
        yield from sorted((SHARED / "modeldeployments").glob("*.json"))
        for path in sorted((SHARED / "cases" / "slips").glob("*.yaml")):
            if path.stem not in OF_NO_DOCUMENT:
                yield path


def _is_yaml(name: str) -> bool:
    return name.endswith(".yaml")


def _objects(path: Path) -> list[dict[str, object]]:
    return list(yaml.safe_load_all(path.read_text()))


def both(path: Path) -> tuple[Told, Told]:
    checked = told(run("check", str(path), "--format", "json").stdout)
    composed = told(run("synth", str(path), "--stdout", "--format", "json").stderr)
    return checked, composed


@pytest.mark.parametrize("path", [*documents()], ids=lambda path: path.stem)
def test_check_and_synth_agree(path: Path) -> None:
    checked, composed = both(path)
    assert checked == composed


@pytest.mark.parametrize(("example", "texts", "code"), SLIPS.values(), ids=SLIPS)
def test_both_tell_a_slip_alike(
    example: str, texts: dict[str, str], code: str, tmp_path: Path
) -> None:
    text = example_text(example)
    for old, new in texts.items():
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "it.yaml"
    path.write_text(text)
    checked, composed = both(path)
    if code == "T007":  # There is nothing to compose, but something to check elsewhere.
        checked = {(each, "error", line) for each, _, line in checked}
    assert checked == composed
    assert code in {each for each, _, _ in checked}


CONTAINER = "spec.template.spec.engines[0].members[0].template.spec.containers[0]"
CHANGES: dict[str, tuple[str, object, str]] = {
    "more shards than devices": ("args[2]", "--tensor-parallel-size=8", "T704"),
    "an unread number of shards": ("args[2]", "--tensor-parallel-size=$(GPUS)", "T001"),
    "no HTTP server": ("args[3]", "--headless", "T315"),
    "a side channel for every pod": (
        "env",
        [{"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "value": "10.0.0.1"}],
        "T301",
    ),
    "another version": ("image", "vllm/vllm-openai:v0.22.0", "T305"),
    "no transfer": ("args[2]", "--seed=0", "T302"),
    "no JSON": ("args[2]", "--kv-transfer-config={", "T302"),
}


@pytest.mark.parametrize(("field", "value", "code"), CHANGES.values(), ids=CHANGES)
def test_what_shows_in_composed_objects_is_told_before(
    field: str, value: object, code: str, tmp_path: Path
) -> None:
    [found] = yaml.safe_load_all(example_text("prefill-decode"))
    apply([found], Edit("ModelDeployment/qwen", f"{CONTAINER}.{field}", value))
    path = tmp_path / "it.yaml"
    path.write_text(yaml.safe_dump(found, sort_keys=False))
    checked, composed = both(path)
    assert checked == composed
    assert [line for each, _, line in checked if each == code and line]


def test_a_composed_finding_is_placed_at_the_document() -> None:
    [found] = yaml.safe_load_all(example_text("multi-node"))
    document = read(yaml.safe_dump(found, sort_keys=False).encode(), "it.yaml")[0][0]
    deployment, _ = check(document)
    assert deployment is not None
    replica = f"{deployment.namespace}/{deployment.name}-0"
    name = f"{replica}-{deployment.spec.template.spec.engines[0].name}"
    engine = "spec.template.spec.engines[0]"
    worker = "spec.leaderWorkerTemplate.workerTemplate.spec"
    request = "spec.spec.devices.requests[0].exactly"
    expected = {
        (f"LeaderWorkerSet {name}", f"{worker}.containers[0].image"): (
            f"{engine}.members[1].template.spec.containers[0].image"
        ),
        (f"LeaderWorkerSet {name}", f"{worker}.tolerations[0]"): (
            f"{engine}.members[1].template.spec"
        ),
        (f"ResourceClaimTemplate {name}-worker", f"{request}.selectors[0].cel.expression"): (
            f"{engine}.members[1].nodeSelector.devices[0].selectors[0].cel"
        ),
        (f"HTTPRoute {replica}", "spec.rules[0]"): "metadata.name",
    }
    composed = [
        Finding("T999", "warning", path, "it", "fix it", object=owner) for owner, path in expected
    ]
    placed = at_document(composed, deployment, document)
    assert [each.path for each in placed] == list(expected.values())
    assert all(each.file == "it.yaml" and each.line for each in placed)
    # Replicas have the same findings.
    assert at_document([composed[0], composed[0]], deployment, document) == placed[:1]
