"""Devices that engines of a document claim."""

from __future__ import annotations

import pytest

from cdk8s_inference import InvalidInput, Platform, PodSettings
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


@pytest.mark.parametrize(("resource", "enough"), [("habana.ai/gaudi", True), ("rdma/ib", False)])
def test_accelerators_of_a_platform_are_devices(resource: str, enough: bool) -> None:
    document = unified()
    del document["spec"]["template"]["spec"]["engines"][0]["members"][0]["nodeSelector"]
    platform = Platform(pods=PodSettings(limits={resource: 8}))
    if not enough:
        with pytest.raises(InvalidInput, match="D106"):
            composed(document, platform)
        return
    (deployment,) = of_kind(composed(document, platform), "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"]["limits"] == {resource: "8"}
    assert resource in {each["key"] for each in spec["tolerations"]}
