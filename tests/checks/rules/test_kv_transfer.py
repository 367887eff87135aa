from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.findings import Edit
from cdk8s_inference.source import Document
from tests.checks.rendered import codes
from tests.kit import examples


@pytest.mark.parametrize(("block", "told"), [(64, set()), (16, {"T316"})])
def test_precise_prefixes_by_the_engines_blocks(block: int, told: set[str]) -> None:
    objects = examples.broken("T316")
    for each in objects:
        if each["metadata"]["name"] in ("prefill", "decode"):
            args = each["spec"]["template"]["spec"]["containers"][0]["args"]
            args += ["--kv-events-config={}", f"--block-size={block}"]
    assert codes(objects) == told


def field(path: str) -> dict[str, Any]:
    return {"valueFrom": {"fieldRef": {"fieldPath": path}}}


def prefill_with(base: str, env: dict[str, Any], host_network: bool, multus: bool) -> list[Any]:
    """The objects of an example, with variables of prefill's engine."""
    objects = examples.base(base)
    (prefill,) = (each for each in objects if each["metadata"]["name"] == "prefill")
    template = prefill["spec"]["template"]
    template["spec"]["hostNetwork"] = host_network
    if multus:
        template["metadata"]["annotations"] = {"k8s.v1.cni.cncf.io/networks": "rdma"}
    container = template["spec"]["containers"][0]
    kept = [each for each in container.get("env", ()) if each["name"] not in env]
    container["env"] = [*kept, *({"name": name, **given} for name, given in env.items())]
    return objects


LITERAL = {"value": "10.0.0.7"}


@pytest.mark.parametrize(
    ("variable", "host_network", "multus", "told"),
    [
        (field("status.podIP"), False, False, False),
        (field("metadata.annotations['example.com/rdma']"), False, False, False),
        (field("status.hostIP"), False, False, True),
        (field("status.hostIP"), True, False, False),
        (field("metadata.name"), False, False, True),
        ({"value": "$(POD_IP)"}, False, False, False),
        ({"value": "localhost"}, True, False, True),
        (LITERAL, False, False, True),
        (LITERAL, True, False, False),
        (LITERAL, False, True, False),
        ({"valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}, False, False, True),
    ],
)
@pytest.mark.parametrize(
    ("code", "base", "name"),
    [
        ("T301", "disaggregated", "VLLM_NIXL_SIDE_CHANNEL_HOST"),
        ("T327", "sglang", "SGLANG_HOST_IP"),
        ("T327", "sglang", "HOST_IP"),
    ],
)
def test_a_variable_has_the_address_of_its_pod(
    code: str,
    base: str,
    name: str,
    variable: dict[str, Any],
    host_network: bool,
    multus: bool,
    told: bool,
) -> None:
    objects = prefill_with(base, {name: variable}, host_network, multus)
    assert (code in codes(objects)) is told


def test_an_empty_address_does_not_count() -> None:
    env = {"SGLANG_HOST_IP": {"value": ""}, "HOST_IP": field("status.hostIP")}
    assert "T327" in codes(prefill_with("sglang", env, host_network=False, multus=False))


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("vllm/vllm-openai:v0.31.0", {"error"}),
        ("example.com/vllm/vllm-openai:v0.31.0", {"error"}),
        ("vllm/vllm-openai:latest", {"error"}),
        ("example.com/serving:v0.32.0", {"warning"}),
        ("example.com/vllm/vllm-openai:v0.32.0", set()),
        ("vllm/vllm-openai:v0.32.0-cu129", set()),
    ],
)
def test_images_of_one_release_are_alike(image: str, told: set[str]) -> None:
    objects = examples.base("disaggregated")
    (prefill,) = (each for each in objects if each["metadata"]["name"] == "prefill")
    container = prefill["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "vllm/vllm-openai:v0.32.0"
    container["image"] = image
    found = check([Document(each) for each in objects])
    assert {each.severity for each in found if each.code == "T305"} == told


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("--revision=main", set()),
        ("--revision=v2", {"T328"}),
        ("--quantization=fp8", {"T328"}),
        ('--hf-overrides={"rope_theta":1}', {"T328"}),
        ("--attention-backend=FLASHINFER", {"T306"}),
        ("--load-format=runai_streamer", set()),
    ],
)
def test_flags_on_one_side(flag: str, told: set[str]) -> None:
    args = "spec.template.spec.containers[0].args[4]"
    objects = examples.base("disaggregated", Edit("Deployment/decode", args, flag))
    found = [each for each in check([Document(each) for each in objects]) if each.code in _PAIR]
    assert {each.code for each in found} == told
    assert {each.severity for each in found} <= {"warning"}


_PAIR = ("T306", "T328")
