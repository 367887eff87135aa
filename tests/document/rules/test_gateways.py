"""What a provider cannot do for a deployment is said before it is applied."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from cdk8s import Chart

from cdk8s_inference import (
    App,
    DeviceRequest,
    DisaggRouting,
    Engine,
    EngineGroup,
    Gateway,
    GatewayProvider,
    InferenceWarning,
    InvalidInput,
    ModelDeployment,
    PickerOptions,
    Platform,
    SidecarOptions,
    UnifiedRouting,
)
from cdk8s_inference.document.rules.gateways import incompatibilities
from cdk8s_inference.gateways import GATEWAY_PROVIDERS, NGINX_GATEWAY_FABRIC, STANDALONE
from cdk8s_inference.gateways.provider import FailureMode
from cdk8s_inference.releases import ROUTER_V0_8_0, ROUTER_V0_9_0, RouterRelease
from tests.document.builders import findings, prefill_decode, unified
from tests.kit.synth import synthesized

GPU = DeviceRequest.of("gpu", "true")
SERVICES_ALONE = GatewayProvider("acme", "Acme Gateway", pools=False)

EXPECTED: dict[str, dict[tuple[FailureMode, bool], list[str]]] = {
    "envoy-ai-gateway": {("FailOpen", True): ["G103"], ("FailOpen", False): ["G103"]},
    "istio": {("FailOpen", True): ["W301"], ("FailOpen", False): ["W301"]},
    "agentgateway": {("FailOpen", True): ["G103"], ("FailOpen", False): ["G103"]},
    "gke": {("FailOpen", True): ["W301"], ("FailOpen", False): ["W301"]},
    "nginx-gateway-fabric": {
        ("FailClose", True): ["G102", "G103"],
        ("FailClose", False): ["G103"],
        ("FailOpen", True): ["G102", "W301"],
        ("FailOpen", False): ["W301"],
    },
    "standalone": {("FailOpen", True): ["G103"], ("FailOpen", False): ["G103"]},
}


@pytest.mark.parametrize("disaggregated", [True, False])
@pytest.mark.parametrize("mode", ["FailOpen", "FailClose"])
@pytest.mark.parametrize("name", GATEWAY_PROVIDERS)
def test_each(name: str, mode: FailureMode, disaggregated: bool) -> None:
    platform = Platform(
        gateway=Gateway(provider=GATEWAY_PROVIDERS[name]), picker=PickerOptions(failure_mode=mode)
    )
    found = list(incompatibilities(platform, disaggregated=disaggregated))
    assert [finding.code for finding in found] == EXPECTED[name].get((mode, disaggregated), [])
    assert all(finding.fix for finding in found)


def test_one_for_services_alone_has_no_picker_to_ask() -> None:
    platform = Platform(gateway=Gateway(provider=SERVICES_ALONE))
    (finding,) = incompatibilities(platform, disaggregated=True)
    assert (finding.code, finding.severity) == ("G101", "error")


def test_the_sidecar_has_no_pool_to_look_up_without_a_gateway() -> None:
    platform = Platform(
        gateway=Gateway(provider=STANDALONE), sidecar=SidecarOptions(ssrf_protection=True)
    )
    assert [finding.code for finding in incompatibilities(platform, disaggregated=True)] == ["G104"]
    assert not list(incompatibilities(platform, disaggregated=False))


@pytest.mark.parametrize("release", [ROUTER_V0_8_0, ROUTER_V0_9_0], ids=str)
def test_a_sidecar_that_would_refuse_every_target_is_refused(release: RouterRelease) -> None:
    platform = Platform(router=release, sidecar=SidecarOptions(ssrf_protection=True))
    assert [finding.code for finding in incompatibilities(platform, disaggregated=True)] == ["G105"]
    assert not list(incompatibilities(platform, disaggregated=False))


def engine(chart: Chart, name: str, port: int) -> EngineGroup:
    return EngineGroup(
        chart,
        name,
        engine=Engine.standalone(name, image="i", args=[f"--port={port}"], devices=[GPU]),
    )


def disagg(chart: Chart, platform: Platform) -> DisaggRouting:
    pair: dict[str, Any] = {
        "prefill": engine(chart, "prefill", 8000),
        "decode": engine(chart, "decode", 8001),
    }
    return DisaggRouting(chart, "route", **pair, name="a", namespace="n", platform=platform)


@pytest.mark.parametrize(
    ("provider", "code"), [(SERVICES_ALONE, "G101"), (NGINX_GATEWAY_FABRIC, "G102")]
)
def test_prefill_decode_is_refused_and_leaves_the_engines_alone(
    provider: GatewayProvider, code: str
) -> None:
    platform = Platform(gateway=Gateway(provider=provider))
    chart = Chart(App(), "chart")
    with pytest.raises(InvalidInput, match=provider.title) as raised:
        disagg(chart, platform)
    assert raised.value.findings[0].code == code
    assert {entry["kind"] for entry in synthesized(chart)} == {
        "Deployment",
        "ResourceClaimTemplate",
    }
    assert code in [finding.code for finding in findings(prefill_decode(), platform)]


def test_a_picker_of_a_unified_deployment_too() -> None:
    chart = Chart(App(), "chart")
    platform = Platform(gateway=Gateway(provider=SERVICES_ALONE), unified_mode="picker")
    with pytest.raises(InvalidInput, match="calls no endpoint picker"):
        UnifiedRouting(
            chart, "r", engines=[engine(chart, "e", 80)], name="a", namespace="n", platform=platform
        )


def test_a_service_works_with_every_gateway() -> None:
    platform = Platform(gateway=Gateway(provider=SERVICES_ALONE))
    assert findings(unified(), platform) == findings(unified())


OPEN = Platform(picker=PickerOptions(failure_mode="FailOpen"))


def test_a_failure_mode_that_is_not_honored_is_a_warning() -> None:
    chart = Chart(App(), "chart")
    with pytest.warns(InferenceWarning, match=r"G103.*always does FailClose") as caught:
        disagg(chart, OPEN)
    assert caught[0].filename == __file__


def test_it_is_said_once_for_a_deployment() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        deployment = ModelDeployment.from_document(
            App(), "deployment", prefill_decode(), platform=OPEN
        )
    assert [str(warning.message).split("]")[0] for warning in caught] == ["warning[G103"]
    assert "G103" in [finding.code for finding in deployment.findings]
