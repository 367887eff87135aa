"""A rule that leads to several pools, by the gateway that was read."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.findings import Edit
from cdk8s_inference.source import Document
from tests.kit import examples

SECOND = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "qwen"}


@pytest.mark.parametrize(
    ("gateway_class", "severities"),
    [("envoy", ["warning"]), ("agentgateway", []), ("x", ["warning"])],
)
def test_several_pools(gateway_class: str, severities: list[str]) -> None:
    assert _severities(_objects(gateway_class)) == severities


def test_several_pools_behind_a_gateway_that_was_not_read() -> None:
    objects = [
        each for each in _objects("envoy") if each["kind"] not in ("Gateway", "GatewayClass")
    ]
    assert _severities(objects) == ["note"]


def _objects(gateway_class: str) -> list[Any]:
    objects = examples.base(
        "disaggregated", Edit("HTTPRoute/qwen", "spec.rules[0].backendRefs[1]", SECOND)
    )
    for each in objects:
        if each["kind"] == "Gateway":
            each["spec"]["gatewayClassName"] = gateway_class
    return objects


def _severities(objects: list[Any]) -> list[str]:
    found = check([Document(each) for each in objects])
    return [each.severity for each in found if each.code == "T504"]
