"""One address for all replicas of a deployment, by what the gateway can split."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import Gateway, GatewayProvider, Platform
from cdk8s_inference.document.object_keys import deployment_objects
from cdk8s_inference.gateways import (
    AGENTGATEWAY,
    ENVOY_AI_GATEWAY,
    GATEWAY_PROVIDERS,
    GKE,
    ISTIO,
    NGINX_GATEWAY_FABRIC,
    STANDALONE,
)
from cdk8s_inference.platform.sidecar_options import SidecarOptions
from tests.document.builders import Json, accepted, edited, prefill_decode, unified
from tests.kit.synth import composed, of_kind, the

LABEL = "cdk8s-inference/deployment"
NAME = "qwen"


def two(found: Json) -> Json:
    return edited(edited(found, "metadata.name", NAME), "spec.replicas", 2)


def behind(provider: GatewayProvider, **fields: Any) -> Platform:
    return Platform(gateway=Gateway(provider=provider), **fields)


def backends(objects: list[Json], name: str) -> list[tuple[str, str]]:
    (rule,) = the(objects, "HTTPRoute", name)["spec"]["rules"]
    return [(each["kind"], each["name"]) for each in rule["backendRefs"]]


def path(objects: list[Json], name: str) -> str:
    (rule,) = the(objects, "HTTPRoute", name)["spec"]["rules"]
    value: str = rule["matches"][0]["path"]["value"]
    return value


def labelled(objects: list[Json]) -> list[str]:
    return [
        entry["metadata"]["name"]
        for entry in of_kind(objects, "Deployment")
        if entry["spec"]["template"]["metadata"]["labels"].get(LABEL) == NAME
    ]


@pytest.mark.parametrize(
    "provider",
    [each for each in GATEWAY_PROVIDERS.values() if each.gateway_api],
    ids=lambda each: each.name,
)
def test_a_route_splits_requests_over_services(provider: GatewayProvider) -> None:
    objects = composed(two(unified()), behind(provider))
    assert backends(objects, "qwen") == [("Service", "qwen-0"), ("Service", "qwen-1")]
    assert path(objects, "qwen") == "/ml-team/qwen/"
    assert backends(objects, "qwen-1") == [("Service", "qwen-1")]
    assert path(objects, "qwen-1") == "/ml-team/qwen-1/"
    assert labelled(objects) == []


def test_a_route_splits_requests_over_pools_where_the_gateway_can() -> None:
    objects = composed(two(prefill_decode()), behind(AGENTGATEWAY))
    assert backends(objects, "qwen") == [("InferencePool", "qwen-0"), ("InferencePool", "qwen-1")]
    assert len(of_kind(objects, "InferencePool")) == 2


@pytest.mark.parametrize("provider", [ENVOY_AI_GATEWAY, ISTIO, GKE], ids=lambda each: each.name)
def test_one_pool_holds_all_replicas_where_the_gateway_cannot(provider: GatewayProvider) -> None:
    objects = composed(two(prefill_decode()), behind(provider))
    assert backends(objects, "qwen") == [("InferencePool", "qwen")]
    pool = the(objects, "InferencePool", "qwen")["spec"]
    assert pool["selector"] == {"matchLabels": {LABEL: NAME}}
    assert pool["endpointPickerRef"]["name"] == "qwen-epp"
    assert labelled(objects) == [
        "qwen-0-prefill",
        "qwen-0-decode",
        "qwen-1-prefill",
        "qwen-1-decode",
    ]
    assert {backends(objects, f"qwen-{index}")[0][1] for index in range(2)} == {"qwen-0", "qwen-1"}
    one, other = (the(objects, "ConfigMap", name)["data"] for name in ("qwen-epp", "qwen-0-epp"))
    assert one == other


def test_a_protected_sidecar_may_call_the_prefill_pods_of_every_replica() -> None:
    """The picker of all replicas pairs a decode pod of one with a prefill pod of another."""
    protected = SidecarOptions(ssrf_protection=True)
    objects = composed(two(prefill_decode()), behind(ENVOY_AI_GATEWAY, sidecar=protected))
    decode = the(objects, "Deployment", "qwen-1-decode")["spec"]["template"]["spec"]
    (sidecar,) = decode["initContainers"]
    assert "--inference-pool=ml-team/qwen" in sidecar["args"]
    objects = composed(two(prefill_decode()), behind(AGENTGATEWAY, sidecar=protected))
    decode = the(objects, "Deployment", "qwen-1-decode")["spec"]["template"]["spec"]
    (sidecar,) = decode["initContainers"]
    assert "--inference-pool=ml-team/qwen-1" in sidecar["args"]


def test_without_a_gateway_a_service_leads_to_all_replicas() -> None:
    objects = composed(two(unified()), behind(STANDALONE))
    assert the(objects, "Service", "qwen")["spec"]["selector"] == {LABEL: NAME}
    assert labelled(objects) == ["qwen-0-qwen", "qwen-1-qwen"]
    objects = composed(two(prefill_decode()), behind(STANDALONE))
    assert the(objects, "Service", "qwen")["spec"]["selector"] == {
        "cdk8s-inference/picker": "qwen-epp"
    }


def test_the_policies_of_a_route_are_those_of_the_route_alone() -> None:
    objects = composed(two(unified()), behind(NGINX_GATEWAY_FABRIC))
    assert the(objects, "ProxySettingsPolicy", "qwen")
    objects = composed(two(unified()), behind(GKE))
    assert [entry["metadata"]["name"] for entry in of_kind(objects, "HealthCheckPolicy")] == [
        "qwen-0",
        "qwen-1",
    ]


@pytest.mark.parametrize(
    ("mode", "provider"),
    [
        (mode, provider)
        for provider in GATEWAY_PROVIDERS.values()
        for mode in ("Unified", "PrefillDecode")
        if mode == "Unified" or provider.picker_headers
    ],
)
def test_its_objects_are_foretold(mode: str, provider: GatewayProvider) -> None:
    found = unified() if mode == "Unified" else prefill_decode()
    platform = behind(provider)
    spec = accepted(two(found)).spec.template.spec
    keys = [*deployment_objects(NAME, 2, spec.engines, spec.serving_mode, platform)]
    made = composed(two(found), platform)
    assert sorted(keys) == sorted((entry["kind"], entry["metadata"]["name"]) for entry in made)
