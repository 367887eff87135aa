"""A document's engines are judged before anything is composed, and at their own lines."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from cdk8s import App

from cdk8s_inference import ModelDeployment
from cdk8s_inference.checks.document import ENGINE_CODES, check_document
from cdk8s_inference.findings import Finding, errors
from cdk8s_inference.source import Document, read
from tests.kit.shared import SHARED

TRANSFER = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
MEMORY = 'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("70Gi")) >= 0'


def engine(
    phase: str, *args: str, image: str = "vllm/vllm-openai:v0.23.0", devices: int = 1
) -> Any:
    given = ["--model=a/b", f"--port={8000 + (phase == 'Decode')}", *args]
    container = {
        "name": "engine",
        "image": image,
        "args": [*given, f"--kv-transfer-config={TRANSFER}"],
    }
    device = {"name": "gpu", "count": devices, "selectors": [{"cel": MEMORY}]}
    member = {
        "role": "Standalone",
        "nodeSelector": {"devices": [device]},
        "template": {"spec": {"containers": [container]}},
    }
    return {"name": phase.lower(), "phase": phase, "members": [member]}


def document(prefill: Any, decode: Any, **annotations: str) -> Document:
    data = {
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "it", "namespace": "ml", "annotations": annotations},
        "spec": {
            "replicas": 1,
            "template": {
                "spec": {"serving": {"mode": "PrefillDecode"}, "engines": [prefill, decode]}
            },
        },
    }
    (found,), problems = read(yaml.safe_dump(data, sort_keys=False).encode(), "it.yaml")
    assert not problems
    return found


def loud(findings: list[Finding]) -> list[str]:
    return [each.code for each in findings if each.severity != "note"]


def test_one_that_works() -> None:
    deployment, findings = check_document(document(engine("Prefill"), engine("Decode")))
    assert deployment is not None
    assert loud(findings) == []


@pytest.mark.parametrize(
    ("prefill", "decode", "code"),
    [
        (engine("Prefill", "--model=c/d"), engine("Decode"), "T304"),
        (engine("Prefill", image="vllm/vllm-openai:v0.22.0"), engine("Decode"), "T305"),
        (engine("Prefill", "--kv-cache-dtype=fp8"), engine("Decode"), "T306"),
        (engine("Prefill", "--served-model-name=x"), engine("Decode"), "T314"),
    ],
)
def test_what_synthesis_would_refuse(prefill: Any, decode: Any, code: str) -> None:
    given = document(prefill, decode)
    deployment, findings = check_document(given)
    assert deployment is None
    assert code in loud(findings)
    (found,) = (each for each in findings if each.code == code)
    assert found.path.startswith("spec.template.spec.engines[")
    assert found.line
    assert found.related
    assert all(place.line for place in found.related)
    composed = ModelDeployment.from_document(App(), "it", given.data)
    assert code in {each.code for each in errors(composed.check())}


def test_a_document_may_waive_what_its_engines_or_its_manifests_break() -> None:
    waivers = {"cdk8s-inference/waive-T304": "the same weights under two names"}
    given = document(engine("Prefill", "--model=c/d"), engine("Decode"), **waivers)
    deployment, findings = check_document(given)
    assert deployment is not None
    assert loud(findings) == []
    composed = ModelDeployment.from_document(App(), "it", given.data)
    assert loud(composed.check()) == []
    idle = document(engine("Prefill"), engine("Decode"), **waivers)
    assert loud(ModelDeployment.from_document(App(), "it", idle.data).check()) == ["T002"]


@pytest.mark.skipif(SHARED is None, reason="the shared documents are absent")
def test_documents_say_nothing_new() -> None:
    assert SHARED is not None
    for path in sorted((SHARED / "modeldeployments").glob("*.json")):
        (given,), _ = read(path.read_bytes(), path.name)
        _, findings = check_document(given)
        assert [each for each in findings if each.code in ENGINE_CODES] == []


def test_wider_tensor_parallelism_of_prefill_may_work() -> None:
    wide = document(engine("Prefill", "--tensor-parallel-size=4", devices=4), engine("Decode"))
    deployment, findings = check_document(wide)
    assert deployment is not None
    assert "T309" in loud(findings)


@pytest.mark.parametrize(
    ("command", "cache", "codes"),
    [
        (None, True, set()),
        ([], True, set()),  # To Kubernetes no command: the cache is the model, as composed.
        (None, False, {"T646"}),
        ([], False, {"T646"}),
        (["vllm", "serve"], True, {"T646"}),
    ],
)
def test_vllm_is_given_a_model(command: list[str] | None, cache: bool, codes: set[str]) -> None:
    engines = [engine("Prefill"), engine("Decode")]
    for each in engines:
        container = each["members"][0]["template"]["spec"]["containers"][0]
        del container["args"][0]
        if command is not None:
            container["command"] = command
    found = document(*engines)
    if cache:
        found.data["spec"]["template"]["spec"]["modelCacheRef"] = {"name": "weights"}
    assert {each.code for each in check_document(found)[1]} & {"T646"} == codes
