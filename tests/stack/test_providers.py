"""The stack with each provider: what is installed for it, in order, by every tool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from cdk8s_inference import (
    App,
    DevicePlugin,
    DraDriver,
    Gateway,
    GatewayProvider,
    InvalidInput,
    Issuer,
    Listener,
    ModelDeployment,
    Platform,
    ServingStack,
)
from cdk8s_inference.gateways import (
    AGENTGATEWAY,
    ENVOY_AI_GATEWAY,
    GATEWAY_PROVIDERS,
    GKE,
    ISTIO,
    NGINX_GATEWAY_FABRIC,
    STANDALONE,
)
from cdk8s_inference.releases.stack import GKE_DRIVER_ROOT, STACK_MODELPLANE, STACK_NEWEST
from cdk8s_inference.stack.catalog import catalog
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import StackProps
from cdk8s_inference.stack.rules import STACK_RULES
from cdk8s_inference.stack.subject import StackSubject
from tests.document import builders
from tests.kit.server import Server
from tests.kit.synth import synthesized, the, validated
from tests.stack.test_delivered import everything
from tests.stack.tools import DELIVERIES, control_plane, releases, target
from tests.test_snapshots import YamlFile

ALTERNATIVES = [each for each in GATEWAY_PROVIDERS.values() if each != ENVOY_AI_GATEWAY]

EACH = pytest.mark.parametrize("provider", ALTERNATIVES, ids=lambda each: each.name)


def props(provider: GatewayProvider, **changes: Any) -> StackProps:
    root = GKE_DRIVER_ROOT if provider is GKE else "/"
    given = {"devices": DraDriver(root), **changes}
    return StackProps(gateway=Gateway(provider=provider), **given)


def found(provider: GatewayProvider, **changes: Any) -> list[tuple[str, str, str]]:
    return [
        (finding.code, finding.path, finding.message)
        for finding in STACK_RULES.findings(StackSubject(props(provider, **changes)))
        if finding.code != "S113"  # It is about the default listener, of any provider.
    ]


@EACH
def test_its_stack_breaks_no_rule(provider: GatewayProvider) -> None:
    assert found(provider) == []
    assert found(provider, kubernetes="1.34") == []
    assert found(provider, versions=STACK_MODELPLANE) == []


@EACH
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_server_takes_each_object_in_file_order(provider: GatewayProvider, delivery: str) -> None:
    delivered = DELIVERIES[delivery].deliver(plan(props(provider)))
    plane = control_plane(delivery)
    cluster = Server() if delivery.startswith("crossplane") else plane
    if provider == GKE:
        _bring(cluster, "gateway-api", "inference-extension")
    for manifest in everything(delivered):
        plane.apply(manifest)
        if cluster is not plane and manifest["kind"] == "Object":
            cluster.apply(target(manifest))
        for release in releases([manifest]):
            assert release.namespace in cluster.namespaces
            if release.name == provider.controller:
                assert ("inference.networking.k8s.io", "InferencePool") in cluster.kinds
                assert ("gateway.networking.k8s.io", "Gateway") in cluster.kinds


def _bring(cluster: Server, *components: str) -> None:
    """What a cluster has of its own."""
    whole = {component.name: component for component in catalog(StackProps())}
    cluster.apply_all([crd for name in components for crd in whole[name].crds])


@pytest.mark.parametrize("provider", ALTERNATIVES[:-1], ids=lambda each: each.name)
def test_written(provider: GatewayProvider, snapshot: SnapshotAssertion) -> None:
    """By Flux, without what every stack has. Of STANDALONE nothing would be left."""
    alone = replace(
        props(provider, devices=None, monitoring=None, without=["node-feature-discovery"]),
        present=["lws", "cert-manager"],
    )
    objects = everything(DELIVERIES["flux"].deliver(plan(alone)))
    validated([target(entry) for entry in objects])  # type: ignore[misc]
    shown = [entry for entry in objects if entry["kind"] != "CustomResourceDefinition"]
    text = yaml.safe_dump_all(shown, sort_keys=False, width=100)
    assert text == snapshot(extension_class=YamlFile)


CHARTS = {
    "istio": ["istio-base", "istiod"],
    "agentgateway": ["agentgateway-crds", "agentgateway"],
    "gke": [],
    "nginx-gateway-fabric": ["nginx-gateway-fabric"],
    "standalone": [],
}


@EACH
def test_its_own_charts_and_nobody_elses(provider: GatewayProvider) -> None:
    known = {name for each in GATEWAY_PROVIDERS.values() for name in each.components}
    installed = [entry.name for entry in catalog(props(provider)) if entry.name in known]
    assert installed == CHARTS[provider.name]
    after = [c.name for stage in plan(props(provider)).stages for c in stage if c.name in known]
    assert after == CHARTS[provider.name]


@EACH
def test_its_gateway_is_of_its_class(provider: GatewayProvider) -> None:
    objects = plan(props(provider)).gateway
    assert [entry["kind"] for entry in objects] == ["Gateway"] * provider.gateway_api
    for gateway in objects:
        assert gateway["spec"]["gatewayClassName"] == provider.class_name


def test_a_provider_of_ones_own_may_differ_in_a_fact() -> None:
    newer = replace(ISTIO, failure_modes=("FailOpen",))
    installed = {entry.name for entry in catalog(props(newer))}
    assert {"istio-base", "istiod"} <= installed
    assert not {"envoy-gateway", "agentgateway"} & installed


def test_gke_lacks_the_inference_pool_before_1_34() -> None:
    def crds(**changes: Any) -> set[str]:
        return {entry.name for entry in catalog(props(GKE, **changes))} & {
            "gateway-api",
            "inference-extension",
        }

    assert crds() == crds(kubernetes="1.34.1-gke.1") == set()
    assert crds(kubernetes="1.33.5") == {"inference-extension"}


@EACH
def test_its_proxies_are_scraped_where_their_port_is_declared(provider: GatewayProvider) -> None:
    (prometheus,) = (
        entry for entry in catalog(props(provider)) if entry.name == "kube-prometheus-stack"
    )
    spec = prometheus.values["prometheus"]["prometheusSpec"]
    assert ("additionalScrapeConfigs" in spec) == (provider.metrics is not None)
    for job in spec.get("additionalScrapeConfigs", ()):
        named, port, *_ = job["relabel_configs"]
        label = "__meta_kubernetes_pod_label_gateway_networking_k8s_io_gateway_name"
        assert (named["source_labels"], named["regex"]) == ([label], "inference-gateway")
        assert provider.metrics is not None
        assert port["regex"] == str(provider.metrics.port)
        assert job["kubernetes_sd_configs"][0]["namespaces"] == {"names": ["modelplane-system"]}


def test_gke_has_its_driver_elsewhere() -> None:
    told = [(code, path) for code, path, _ in found(GKE, devices=DraDriver())]
    assert told == [("S112", "devices.driver_root")]
    assert found(GKE, devices=DevicePlugin()) == []


MISMATCHES: dict[str, tuple[GatewayProvider, str, str]] = {
    "another's": (ENVOY_AI_GATEWAY, "istio", "GatewayClass 'istio' belongs to Istio"),
    "GKE's": (NGINX_GATEWAY_FABRIC, "gke-l7-rilb", "belongs to GKE Gateway"),
    "Envoy's": (AGENTGATEWAY, "envoy", "belongs to Envoy AI Gateway"),
    "one that istiod does not make": (ISTIO, "models", "is not one of its classes"),
    "one that GKE does not have": (GKE, "models", "is not one of its classes"),
    "none at all": (GatewayProvider("acme", "Acme"), "", "has no default GatewayClass"),
}


@pytest.mark.parametrize(("provider", "name", "says"), MISMATCHES.values(), ids=MISMATCHES)
def test_a_class_of_another_provider_is_refused(
    provider: GatewayProvider, name: str, says: str
) -> None:
    (finding,) = found(provider, gateway_class=name or None)
    assert finding[:2] == ("S110", "gateway_class")
    assert says in finding[2]


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (ENVOY_AI_GATEWAY, "envoy-internal"),
        (GKE, "gke-l7-rilb"),
        (AGENTGATEWAY, "models"),
        (NGINX_GATEWAY_FABRIC, "models"),
        (GatewayProvider("acme", "Acme"), "acme"),
    ],
)
def test_a_class_that_it_can_have(provider: GatewayProvider, name: str) -> None:
    assert found(provider, gateway_class=name) == []


def test_what_is_about_a_gateway_is_refused_without_one() -> None:
    given = {
        "gateway_class": "istio",
        "listeners": [Listener.https("tls", hostname="a.example.com")],
        "issuer": Issuer("ca"),
    }
    assert [entry[:2] for entry in found(STANDALONE, **given)] == [("S111", name) for name in given]


def test_what_a_controller_needs_is_not_left_out() -> None:
    assert ("S103", "without[inference-extension]") in {
        entry[:2] for entry in found(ISTIO, without=["inference-extension"])
    }
    assert ("S103", "without.istiod") in {entry[:2] for entry in found(ISTIO, without=["istiod"])}


def test_releases_that_do_not_fit_are_refused() -> None:
    newer = replace(STACK_NEWEST, gateway_api="v1.6.1")
    messages = [message for _, _, message in found(ISTIO, versions=newer)]
    assert any("istio 1.30.3 requires gateway_api 1.5.1 to 1.5" in message for message in messages)
    # Envoy Gateway, which is not installed, does not matter.
    assert found(AGENTGATEWAY, versions=newer) == []


def test_routes_are_for_the_provider_of_the_stacks_gateway() -> None:
    app = App()
    stack = ServingStack(
        app,
        "stack",
        gateway=Gateway(provider=ISTIO),
        present=["gateway-api", "inference-extension", "cert-manager", "lws", "istiod"],
        devices=None,
        monitoring=None,
    )
    model = ModelDeployment.from_document(
        app, "model", builders.prefill_decode(), platform=Platform(gateway=stack.gateway)
    )
    assert the(synthesized(model), "DestinationRule")
    with pytest.raises(ValueError, match="the stack's gateway is Istio"):
        replace(stack.gateway, provider=GKE)


def test_a_stack_without_a_gateway_has_no_gateway_to_compose() -> None:
    stack = ServingStack(
        App(),
        "stack",
        gateway=Gateway(provider=STANDALONE),
        present=["cert-manager", "lws"],
        without=["node-feature-discovery"],
        devices=None,
        monitoring=None,
        model_namespaces=["ml-team"],
    )
    assert synthesized(stack) == []
    (namespace,) = synthesized(stack.foundation)
    assert namespace["metadata"]["name"] == "ml-team"


def test_a_class_mismatch_is_refused_at_construction() -> None:
    with pytest.raises(InvalidInput, match="S110"):
        ServingStack(App(), "stack", gateway=Gateway(provider=ISTIO), gateway_class="envoy")
