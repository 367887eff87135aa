"""One folder of several: what was not read is no error, but where what was read settles it."""

from __future__ import annotations

import json

import pytest

from cdk8s_inference.findings import errors
from cdk8s_inference.releases import ROUTER_NEWEST
from tests.checks.mutations import GATEWAY
from tests.checks.rendered import DECODE, PICKER, PREFILL, Json, found, rendered

WHOLE: list[Json] = [*rendered("vllm", ROUTER_NEWEST), GATEWAY]
OTHER: list[Json] = json.loads(
    json.dumps(rendered("vllm", ROUTER_NEWEST)).replace("gpt-oss", "phi")
)

SETTLED = {
    # A role without pods, in a pool whose other pods were read.
    ("Deployment", PREFILL): "T102",
    ("Deployment", DECODE): "T101",
    # A picker that says it picks from the pool, and no Service that leads to it.
    ("Service", PICKER): "T401",
}


def key(each: Json) -> tuple[str, str]:
    return each["kind"], each["metadata"]["name"]


def test_two_deployments_of_one_namespace() -> None:
    assert errors(found([*WHOLE, *OTHER])) == []


@pytest.mark.parametrize(
    "left_out", range(len(WHOLE)), ids=lambda index: "/".join(key(WHOLE[index]))
)
def test_one_object_was_not_read(left_out: int) -> None:
    some = [each for index, each in enumerate(WHOLE) if index != left_out]
    told = {each.code for each in errors(found([*some, *OTHER]))}
    settled = SETTLED.get(key(WHOLE[left_out]))
    assert told == ({settled} if settled else set())


@pytest.mark.parametrize(
    "kind", sorted({each["kind"] for each in WHOLE} - {"Deployment", "Service"})
)
def test_a_kind_was_not_read(kind: str) -> None:
    some = [each for each in WHOLE if each["kind"] != kind]
    assert errors(found([*some, *OTHER])) == []


def test_a_folder_of_a_kind() -> None:
    """The reference and its like, but not what it leads to."""
    for kind, like in (
        ("HTTPRoute", "InferencePool"),
        ("InferencePool", "Service"),
        ("HTTPRoute", "Gateway"),
        ("Deployment", "ResourceClaimTemplate"),
        ("Deployment", "Role"),
        ("Deployment", "ServiceAccount"),
    ):
        some = [each for each in WHOLE if each["kind"] == kind]
        some += [each for each in [*OTHER, GATEWAY] if each["kind"] == like]
        assert errors(found(some)) == [], (kind, like)
