"""Devices that engines of a document claim."""

from __future__ import annotations

import pytest

from cdk8s_inference import InvalidInput
from tests.document.builders import edited, unified
from tests.kit.synth import composed, of_kind

CONTAINER = "spec.template.spec.engines[0].members[0].template.spec.containers[0]"


@pytest.mark.parametrize(
    ("image", "args"),
    [
        ("ghcr.io/llm-d/llm-d-inference-sim:v0.10.2", ["--model=m", "--port=8000"]),
        ("public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.32.0", ["--model=m"]),
        ("vllm/vllm-openai:v0.32.0", ["--model=m", "--device=cpu"]),
    ],
)
def test_an_engine_on_the_cpu_claims_none(image: str, args: list[str]) -> None:
    document = edited(unified(), f"{CONTAINER}.image", image)
    document = edited(document, f"{CONTAINER}.args", args)
    del document["spec"]["template"]["spec"]["engines"][0]["members"][0]["nodeSelector"]
    objects = composed(document)
    assert not of_kind(objects, "ResourceClaimTemplate")
    (deployment,) = of_kind(objects, "Deployment")
    (engine,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "claims" not in engine["resources"]


def test_another_engine_must_claim_one() -> None:
    document = unified()
    del document["spec"]["template"]["spec"]["engines"][0]["members"][0]["nodeSelector"]
    with pytest.raises(InvalidInput) as refused:
        composed(document)
    assert [each.code for each in refused.value.findings] == ["D106"]
