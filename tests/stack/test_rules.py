"""What no stack may be, each with its code and where it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cdk8s_inference import Component, DraDriver, EnvoyProxy, Gateway, HelmChart, Issuer, Listener
from cdk8s_inference.findings import Finding
from cdk8s_inference.gateways import GKE
from cdk8s_inference.releases.stack import GKE_DRIVER_ROOT, STACK_NEWEST
from cdk8s_inference.stack.props import StackProps
from cdk8s_inference.stack.rules import STACK_RULES
from cdk8s_inference.stack.subject import StackSubject

CHART = HelmChart("https://charts.example.com", "keda", "2.18.0")


CLOSED: Any = {"listeners": [Listener.http(namespaces=["ml-team"])]}
"""Without them a gateway is open to all, which is what S113 says."""


def findings(props: StackProps) -> list[Finding]:
    return list(STACK_RULES.findings(StackSubject(props)))


def found(**changes: Any) -> list[tuple[str, str, str]]:
    changes = {**CLOSED, **changes}
    return [(each.code, each.path, each.message) for each in findings(StackProps(**changes))]


def pinned(**versions: str) -> Any:
    return replace(STACK_NEWEST, **versions)


GOOD: dict[str, dict[str, Any]] = {
    "default": {},
    "all the gateway needs is there": {
        "present": ["gateway-api", "inference-extension", "envoy-gateway", "ai-gateway-crds"],
        "without": ["lws", "cert-manager"],
    },
    "Envoy Gateway alone needs no pools": {
        "without": ["ai-gateway", "ai-gateway-crds", "inference-extension"]
    },
    "no devices, no labels": {"devices": None, "without": ["node-feature-discovery"]},
    "what the cluster has fits by itself": {
        "present": ["envoy-gateway"],
        "versions": pinned(envoy_gateway="v1.9.0"),
    },
    "another chart": {
        "extra": [Component("keda", "keda", CHART, after=("kube-prometheus-stack",))]
    },
    "hosts share a port": {
        "listeners": [
            Listener.https("a", "a", hostname="a.example.com"),
            Listener.https("b", "b", hostname="b.example.com"),
        ]
    },
    "a certificate from an issuer": {
        "issuer": Issuer("letsencrypt"),
        "listeners": [Listener.https("tls", hostname="models.example.com")],
    },
    "an issuer with a host": {
        "issuer": Issuer("letsencrypt", hostname="models.example.com"),
        "listeners": None,
    },
    "HTTP within the cluster": {
        "listeners": [Listener.http()],
        "proxy": EnvoyProxy(service_type="ClusterIP"),
    },
    "an internal load balancer": {
        "listeners": [Listener.http()],
        "proxy": EnvoyProxy(
            service_annotations={"networking.gke.io/load-balancer-type": "Internal"}
        ),
    },
    "a disruption budget": {"proxy": EnvoyProxy(replicas=2, min_available=1)},
    "GKE's internal load balancer": {
        "listeners": None,
        "gateway": Gateway(provider=GKE),
        "gateway_class": "gke-l7-rilb",
        "devices": DraDriver(GKE_DRIVER_ROOT),
    },
    "Kubernetes": {"kubernetes": "1.34.1-gke.100"},
    "values for what is present": {
        "present": ["ai-gateway"],
        "values": {"ai-gateway": {"controller": {"fullnameOverride": "theirs"}}},
    },
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_nothing_is_wrong_with(changes: dict[str, Any]) -> None:
    assert found(**changes) == []


BAD: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "unknown component": ({"without": ["istio"]}, "S101", "without.istio", "'istio' is unknown"),
    "namespace of CRDs": (
        {"namespaces": {"gateway-api": "edge"}},
        "S101",
        "namespaces[gateway-api]",
        "component 'gateway-api' has no Helm chart",
    ),
    "values of what is left out": (
        {"without": ["lws"], "values": {"lws": {"replicaCount": 2}}},
        "S101",
        "values.lws",
        "not installed",
    ),
    "left out and present": (
        {"without": ["lws"], "present": ["lws"]},
        "S102",
        "without.lws",
        "both",
    ),
    "no InferencePool": (
        {"without": ["inference-extension"]},
        "S103",
        "without[inference-extension]",
        "ai-gateway requires inference-extension",
    ),
    "no Gateway API": (
        {"without": ["gateway-api"]},
        "S103",
        "without[gateway-api]",
        "the gateway requires gateway-api",
    ),
    "no label for the driver's nodes": (
        {"without": ["node-feature-discovery"]},
        "S103",
        "without[node-feature-discovery]",
        "dra-driver-nvidia-gpu requires node-feature-discovery",
    ),
    "an issuer without cert-manager": (
        {
            "without": ["cert-manager"],
            "issuer": Issuer("ca"),
            "listeners": [Listener.https("tls", hostname="a.example.com")],
        },
        "S103",
        "issuer",
        "requires cert-manager",
    ),
    "mismatched pair": (
        {"versions": pinned(envoy_gateway="v1.9.0", gateway_api="v1.6.1")},
        "S104",
        "versions.envoy_gateway",
        "ai_gateway v1.1.0 requires envoy_gateway 1.8.1 to 1.8, not v1.9.0",
    ),
    "Gateway API of another Envoy Gateway": (
        {"versions": pinned(gateway_api="v1.6.1")},
        "S104",
        "versions.gateway_api",
        "envoy_gateway v1.8.3 requires gateway_api 1.5.1 to 1.5, not v1.6.1",
    ),
    "unknown release": (
        {"versions": pinned(leader_worker_set="v1.0.0")},
        "S104",
        "versions.leader_worker_set",
        "leader_worker_set v1.0.0 is not known; known are v0.8.0, v0.10.0",
    ),
    "no release": (
        {"versions": pinned(prometheus="newest")},
        "S104",
        "versions.prometheus",
        "'newest' is not a release",
    ),
    "old Kubernetes": (
        {"kubernetes": "1.33"},
        "S104",
        "kubernetes",
        "nvidia_dra_driver 0.4.1 requires kubernetes 1.34 or newer, not 1.33",
    ),
    "new Kubernetes": (
        {"kubernetes": "v1.36.0"},
        "S104",
        "kubernetes",
        "1.32 to 1.35, not v1.36.0",
    ),
    "a name that is taken": (
        {"extra": [Component("lws", "lws", CHART)]},
        "S105",
        "extra[0].name",
        "two components are named",
    ),
    "a name twice": (
        {"extra": [Component("keda", "keda", CHART), Component("keda", "keda", CHART)]},
        "S105",
        "extra[1].name",
        "two components are named",
    ),
    "a long name": (
        {"extra": [Component("k" * 54, "keda", CHART)]},
        "S105",
        "extra[0].name",
        "not a valid name of a Helm release",
    ),
    "a chart without a namespace": (
        {"extra": [Component("keda", chart=CHART)]},
        "S105",
        "extra[0].namespace",
        "has a chart, but no namespace",
    ),
    "after nothing": (
        {"extra": [Component("keda", "keda", CHART, after=("prometheus",))]},
        "S105",
        "extra[0].after",
        "after 'prometheus', which is not a component",
    ),
    "a circle": (
        {
            "extra": [
                Component("a", "a", CHART, after=("b",)),
                Component("b", "b", CHART, after=("a",)),
            ]
        },
        "S105",
        "extra",
        "wait for each other",
    ),
    "no listener": ({"listeners": []}, "S106", "listeners", "has no listener"),
    "a listener's name": (
        {"listeners": [Listener("HTTP", 80)]},
        "S106",
        "listeners[0].name",
        "'HTTP' is not a valid name",
    ),
    "a listener's name twice": (
        {"listeners": [Listener.http(), Listener.http(port=8080)]},
        "S106",
        "listeners[1].name",
        "two listeners are named 'http'",
    ),
    "a port": (
        {"listeners": [Listener.http(port=0)]},
        "S106",
        "listeners[0].port",
        "0 is not a valid port",
    ),
    "a port twice": (
        {"listeners": [Listener.http(), Listener("other", 80)]},
        "S106",
        "listeners[1].port",
        "two listeners use port 80",
    ),
    "a host": (
        {"listeners": [Listener.http(hostname="Models")]},
        "S106",
        "listeners[0].hostname",
        "'Models' is not a valid hostname",
    ),
    "a host for TCP": (
        {"listeners": [Listener("tcp", 9000, "TCP", "a.example.com")]},
        "S106",
        "listeners[0].hostname",
        "TCP does not support hostname",
    ),
    "HTTPS without a certificate": (
        {"listeners": [Listener("https", 443, "HTTPS")]},
        "S106",
        "listeners[0].certificate",
        "requires a certificate",
    ),
    "HTTP with a certificate": (
        {"listeners": [Listener("http", 80, certificate="tls")]},
        "S106",
        "listeners[0].certificate",
        "HTTP does not support certificate",
    ),
    "a certificate's name": (
        {"listeners": [Listener.https("TLS")]},
        "S106",
        "listeners[0].certificate",
        "'TLS' is not a valid name of a Secret",
    ),
    "an issuer without a host": (
        {"issuer": Issuer("ca"), "listeners": [Listener.https("tls")]},
        "S106",
        "listeners[0].hostname",
        "listener https has no hostname",
    ),
    "an issuer without a host, and no listener": (
        {"issuer": Issuer("ca"), "listeners": None},
        "S106",
        "issuer.hostname",
        "listener https has no hostname",
    ),
    "open to all": (
        {"listeners": [Listener.https("tls"), Listener.http(), Listener.http("other", 81)]},
        "S113",
        "listeners[1]",
        "listener http takes HTTP on port 80, and routes of all namespaces",
    ),
    "open by default": ({"listeners": None}, "S113", "listeners", "takes HTTP on port 80"),
    "a disruption budget for the only proxy": (
        {"proxy": EnvoyProxy(max_replicas=4, min_available=1)},
        "S114",
        "proxy.min_available",
        "min_available is 1",
    ),
    "a namespace": (
        {"namespaces": {"lws": "LWS"}},
        "S107",
        "namespaces.lws",
        "'LWS' is not a valid name of a namespace",
    ),
    "a namespace for models": (
        {"model_namespaces": ["ml-team", "ML"]},
        "S107",
        "model_namespaces[1]",
        "'ML' is not a valid name of a namespace",
    ),
    "a class": (
        {"gateway_class": "Envoy"},
        "S107",
        "gateway_class",
        "'Envoy' is not a valid name of a GatewayClass",
    ),
    "a relative path": (
        {"devices": DraDriver("run/nvidia")},
        "S108",
        "devices.driver_root",
        "not an absolute path",
    ),
}


@pytest.mark.parametrize(("changes", "code", "path", "says"), BAD.values(), ids=BAD)
def test_refused(changes: dict[str, Any], code: str, path: str, says: str) -> None:
    hits = [entry for entry in found(**changes) if entry[:2] == (code, path)]
    assert any(says in message for _, _, message in hits), found(**changes)
    assert all(finding.fix for finding in findings(StackProps(**changes)))


def test_all_at_once() -> None:
    codes = {
        code
        for code, _, _ in found(
            without=["inference-extension", "lws"],
            present=["lws"],
            versions=pinned(envoy_gateway="v1.9.0"),
            listeners=[],
            gateway_class="-",
            devices=DraDriver("x"),
        )
    }
    assert codes == {"S102", "S103", "S104", "S106", "S107", "S108"}


def test_a_refusal_names_the_nearest_known_sets_first() -> None:
    fix = findings(StackProps(versions=pinned(gateway_api="v1.6.1"), **CLOSED))[0].fix
    assert fix.index("STACK_2026_08") < fix.index("STACK_MODELPLANE")
    assert "envoy_gateway v1.8.3" in fix
    assert "allow_untested" in fix


def test_an_untested_combination_is_a_warning_when_the_code_says_so() -> None:
    props = StackProps(versions=pinned(gateway_api="v1.6.1"), allow_untested=True, **CLOSED)
    severities = {finding.severity for finding in findings(props)}
    assert severities == {"warning"}


def test_an_open_gateway_is_told_once() -> None:
    listeners = [Listener.http(), Listener.http("other", 81)]
    assert [each[:2] for each in found(listeners=listeners)] == [("S113", "listeners[0]")]
