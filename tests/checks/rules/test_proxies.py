"""What a gateway does is asked of the gateway that was read."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.findings import Edit
from cdk8s_inference.releases import ROUTER_NEWEST
from tests.checks.rendered import codes, found, rendered, the
from tests.kit import examples

_OPEN = Edit("InferencePool/qwen", "spec.endpointPickerRef.failureMode", "FailOpen")
_CLASS = "spec.gatewayClassName"


def _severities(code: str, objects: list[Any]) -> set[str]:
    return {each.severity for each in found(objects) if each.code == code}


@pytest.mark.parametrize(
    ("gateway_class", "severities"),
    [
        ("envoy", {"warning"}),
        ("agentgateway", {"warning"}),
        ("istio", set()),
        ("gke-l7-regional-external-managed", set()),
        ("own-class", set()),
    ],
)
def test_fail_open_by_the_gateway(gateway_class: str, severities: set[str]) -> None:
    objects = examples.base(
        "disaggregated", _OPEN, Edit("Gateway/inference", _CLASS, gateway_class)
    )
    assert _severities("T112", objects) == severities


def test_fail_open_where_no_gateway_was_read() -> None:
    objects = [
        each
        for each in examples.base("disaggregated", _OPEN)
        if each["kind"] not in ("Gateway", "HTTPRoute")
    ]
    assert _severities("T112", objects) == {"note"}


def _envoy(allow: str) -> list[Any]:
    """An Envoy with a configuration of its own, and that configuration."""
    objects: list[Any] = examples.base("standalone")
    config = the(objects, "ConfigMap", "qwen-epp")
    workload = the(objects, "Deployment", "qwen-epp")
    data = config["data"]
    data["envoy.yaml"] = data["envoy.yaml"].replace("failure_mode_allow: false", allow)
    spec = workload["spec"]["template"]["spec"]
    spec["containers"] = [{**spec.pop("initContainers")[0], "restartPolicy": None}]
    spec["volumes"][0]["configMap"]["name"] = "envoy"
    for each in (config, workload):
        each["metadata"]["name"] = "envoy"
    return [config, workload]


@pytest.mark.parametrize(
    ("allow", "severities"),
    [
        ("failure_mode_allow: true", set()),
        ("failure_mode_allow: false", {"warning"}),
        ("stat_prefix: picker", {"warning"}),
    ],
)
def test_fail_open_by_an_envoy_beside_the_picker(allow: str, severities: set[str]) -> None:
    objects = [
        each
        for each in examples.base("disaggregated", _OPEN)
        if each["kind"] not in ("Gateway", "HTTPRoute")
    ]
    assert _severities("T112", [*objects, *_envoy(allow)]) == severities


def _policy(timeout: str | None, **target: str) -> dict[str, Any]:
    http = {} if timeout is None else {"requestTimeout": timeout}
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "BackendTrafficPolicy",
        "metadata": {"name": "timeouts", "namespace": "llm"},
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", **target}],
            "timeout": {"http": http},
        },
    }


@pytest.mark.parametrize(
    ("policy", "severities"),
    [
        (_policy("0s", kind="HTTPRoute", name="qwen"), set()),
        (_policy("0s", kind="Gateway", name="inference"), set()),
        (_policy("0s", kind="HTTPRoute", name="other"), {"warning"}),
        (_policy(None, kind="HTTPRoute", name="qwen"), {"warning"}),
        (_policy("20s", kind="HTTPRoute", name="qwen"), {"warning"}),
    ],
)
def test_a_policy_sets_the_timeout_of_a_route(policy: dict[str, Any], severities: set[str]) -> None:
    objects = examples.base("disaggregated", Edit("HTTPRoute/qwen", "spec.rules[0].timeouts", {}))
    assert _severities("T503", [*objects, policy]) == severities


@pytest.mark.parametrize(
    ("shape", "kind", "code"),
    [
        ("istio-production", "DestinationRule", "T519"),
        ("gke", "HealthCheckPolicy", "T554"),
        ("gke", "GCPBackendPolicy", "T557"),
    ],
)
def test_a_pool_says_what_gateway_it_is_for(shape: str, kind: str, code: str) -> None:
    """Its Gateway belongs to others, and is not among what is checked."""
    objects = rendered(shape, ROUTER_NEWEST)
    assert code not in codes(objects)
    assert code in codes([each for each in objects if each["kind"] != kind])
