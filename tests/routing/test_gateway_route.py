"""What each provider's gateway needs beside a route, and what a route must not say to it."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import Gateway, GatewayProvider, Platform, Probes
from cdk8s_inference.document.object_keys import replica_objects
from cdk8s_inference.gateways import (
    AGENTGATEWAY,
    ENVOY_AI_GATEWAY,
    GATEWAY_PROVIDERS,
    GKE,
    ISTIO,
    NGINX_GATEWAY_FABRIC,
    STANDALONE,
)
from cdk8s_inference.platform import UnifiedMode
from tests.document.builders import Json, accepted, prefill_decode, unified
from tests.kit.synth import composed, of_kind, the

PLACE = ("edge", "public")
KINDS = {"DestinationRule", "GCPBackendPolicy", "HealthCheckPolicy", "ProxySettingsPolicy"}


def platform(provider: GatewayProvider, mode: UnifiedMode = "service", **fields: Any) -> Platform:
    return Platform(gateway=Gateway(*PLACE, provider=provider), unified_mode=mode, **fields)


def policies(objects: list[Json]) -> list[Json]:
    return [entry for entry in objects if entry["kind"] in KINDS]


@pytest.mark.parametrize("provider", GATEWAY_PROVIDERS.values(), ids=GATEWAY_PROVIDERS)
def test_a_service_is_routed_to_with_every_gateway(provider: GatewayProvider) -> None:
    objects = composed(unified(), platform(provider))
    assert the(objects, "Service")["spec"]["ports"][0]["port"] == 80
    routes = of_kind(objects, "HTTPRoute")
    assert len(routes) == provider.gateway_api
    for route in routes:
        (rule,) = route["spec"]["rules"]
        assert rule.get("timeouts") == ({"request": "0s"} if provider.route_timeouts else None)
    kinds = [kind for kind in provider.policies if kind != "DestinationRule"]
    assert [entry["kind"] for entry in policies(objects)] == kinds


@pytest.mark.parametrize("provider", [ENVOY_AI_GATEWAY, AGENTGATEWAY], ids=lambda each: each.name)
def test_nothing_beside_where_the_gateway_needs_nothing(provider: GatewayProvider) -> None:
    assert composed(prefill_decode(), platform(provider)) == composed(
        prefill_decode(), platform(ENVOY_AI_GATEWAY)
    )


@pytest.mark.parametrize(
    "provider",
    [each for each in GATEWAY_PROVIDERS.values() if each.gateway_api and each.picker_headers],
    ids=lambda each: each.name,
)
def test_the_picker_serves_tls_where_a_gateway_asks_it(provider: GatewayProvider) -> None:
    objects = composed(prefill_decode(), platform(provider))
    container = the(objects, "Deployment", "qwen-0-epp")["spec"]["template"]["spec"]["containers"]
    assert len(container) == 1
    assert "--secure-serving=true" in container[0]["args"]


def test_istio_is_told_to_speak_tls_to_the_picker() -> None:
    objects = composed(prefill_decode(), platform(ISTIO))
    (rule,) = policies(objects)
    service = the(objects, "Service", "qwen-0-epp")
    assert rule["apiVersion"] == "networking.istio.io/v1"
    assert rule["metadata"]["namespace"] == service["metadata"]["namespace"]
    assert rule["spec"] == {
        "host": service["metadata"]["name"],
        "trafficPolicy": {"tls": {"mode": "SIMPLE", "insecureSkipVerify": True}},
    }
    assert rule["metadata"]["labels"]["app.kubernetes.io/instance"] == "qwen-0"


@pytest.mark.parametrize("backend", ["InferencePool", "Service"])
def test_gke_checks_health_where_engines_answer_and_lets_streams_run(backend: str) -> None:
    choices = platform(GKE, probes=Probes(path="/v1/health"))
    objects = composed(prefill_decode() if backend == "InferencePool" else unified(), choices)
    target = the(objects, backend, "qwen-0")
    health, limit = policies(objects)
    assert [health["kind"], limit["kind"]] == ["HealthCheckPolicy", "GCPBackendPolicy"]
    for policy in (health, limit):
        assert policy["spec"]["targetRef"] == {
            "group": target["apiVersion"].rpartition("/")[0],
            "kind": backend,
            "name": "qwen-0",
        }
    check = health["spec"]["default"]["config"]["httpHealthCheck"]
    assert check == {"portSpecification": "USE_SERVING_PORT", "requestPath": "/v1/health"}
    assert limit["spec"]["default"]["timeoutSec"] >= 3600


def test_nginx_does_not_hold_streams_back() -> None:
    objects = composed(unified(), platform(NGINX_GATEWAY_FABRIC, "picker"))
    (settings,) = policies(objects)
    assert settings["spec"]["buffering"] == {"disable": True}
    assert settings["spec"]["timeout"] == {"read": "24h"}
    route = the(objects, "HTTPRoute")
    assert settings["spec"]["targetRefs"] == [
        {
            "group": "gateway.networking.k8s.io",
            "kind": "HTTPRoute",
            "name": route["metadata"]["name"],
        }
    ]


@pytest.mark.parametrize("mode", ["service", "picker"])
@pytest.mark.parametrize("provider", [ISTIO, GKE, STANDALONE], ids=lambda each: each.name)
def test_its_objects_are_foretold(provider: GatewayProvider, mode: UnifiedMode) -> None:
    choices = platform(provider, mode)
    deployment = accepted(unified())
    spec = deployment.spec.template.spec
    foretold = list(replica_objects("qwen-0", spec.engines, spec.serving_mode, choices))
    found = [(entry["kind"], entry["metadata"]["name"]) for entry in composed(unified(), choices)]
    assert sorted(foretold) == sorted(found)
