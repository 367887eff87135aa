"""Whether a Gateway is open to everybody."""

from __future__ import annotations

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.findings import Edit
from cdk8s_inference.source import Document
from tests.kit.examples import base, objects_of

OPEN = Edit("Gateway/inference", "spec.listeners[0].allowedRoutes.namespaces", {"from": "All"})


def told(*edits: Edit, added: str = "") -> int:
    objects = [*base("disaggregated", OPEN, *edits), *objects_of(added)]
    return sum(each.code == "T821" for each in check(map(Document, objects)))


def test_once_for_a_gateway() -> None:
    second = {
        "name": "other",
        "port": 81,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    assert told(Edit("Gateway/inference", "spec.listeners[1]", second)) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spec.listeners[0].protocol", "HTTPS"),
        ("spec.gatewayClassName", "gke-l7-rilb"),
        ("metadata.annotations", {"networking.istio.io/service-type": "ClusterIP"}),
        (
            "spec.infrastructure",
            {"annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}},
        ),
    ],
)
def test_one_that_is_not(field: str, value: object) -> None:
    assert told(Edit("Gateway/inference", field, value)) == 0


def test_an_engine_that_asks_for_a_key() -> None:
    args = "spec.template.spec.containers[0].args[4]"
    keys = [Edit(f"Deployment/{name}", args, "--api-key=$(KEY)") for name in ("prefill", "decode")]
    assert told(*keys) == 0


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("kind: SecurityPolicy\nspec: {targetRefs: [{name: inference}]}", 0),
        ("kind: AuthorizationPolicy\nspec: {action: DENY}", 0),
        ("kind: TrafficPolicy\nspec: {targetRefs: [{name: inference}], extAuth: {}}", 0),
        ("kind: GCPBackendPolicy\nspec: {targetRef: {name: a}, default: {iap: {}}}", 0),
        ("kind: BackendTrafficPolicy\nspec: {targetRefs: [{name: inference}], retry: {}}", 1),
    ],
)
def test_a_policy_that_authenticates(policy: str, expected: int) -> None:
    metadata = "metadata: {name: p, namespace: gateways}"
    assert told(added=f"apiVersion: example.com/v1\n{metadata}\n{policy}\n") == expected


def test_a_proxy_that_only_the_cluster_reaches() -> None:
    added = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy}
spec: {parametersRef: {name: internal}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: internal, namespace: envoy-gateway-system}
spec: {provider: {kubernetes: {envoyService: {type: %s}}}}
"""
    assert told(added=added % "ClusterIP") == 0
    assert told(added=added % "LoadBalancer") == 1
