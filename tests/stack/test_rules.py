"""What no stack may be, each with its code and where it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cdk8s_inference import Component, DraDriver, HelmChart, Issuer, Listener
from cdk8s_inference.releases.stack import STACK_NEWEST
from cdk8s_inference.stack.props import StackProps
from cdk8s_inference.stack.rules import violations

CHART = HelmChart("https://charts.example.com", "keda", "2.18.0")


def found(**changes: Any) -> list[tuple[str, str, str]]:
    return [
        (finding.code, finding.path, finding.message)
        for finding, _ in violations(StackProps(**changes))
    ]


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
        "listeners": [Listener.http(), Listener.https("tls", hostname="models.example.com")],
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
    "unknown component": ({"without": ["istio"]}, "S101", "without.istio", "no component"),
    "namespace of CRDs": (
        {"namespaces": {"gateway-api": "edge"}},
        "S101",
        "namespaces[gateway-api]",
        "no component that this takes",
    ),
    "values of what is left out": (
        {"without": ["lws"], "values": {"lws": {"replicaCount": 2}}},
        "S101",
        "values.lws",
        "not in the stack",
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
        "ai-gateway does not work without inference-extension",
    ),
    "no Gateway API": (
        {"without": ["gateway-api"]},
        "S103",
        "without[gateway-api]",
        "the gateway does not work without gateway-api",
    ),
    "no label for the driver's nodes": (
        {"without": ["node-feature-discovery"]},
        "S103",
        "without[node-feature-discovery]",
        "dra-driver-nvidia-gpu does not work",
    ),
    "an issuer without cert-manager": (
        {
            "without": ["cert-manager"],
            "issuer": Issuer("ca"),
            "listeners": [Listener.https("tls", hostname="a.example.com")],
        },
        "S103",
        "issuer",
        "needs cert-manager",
    ),
    "mismatched pair": (
        {"versions": pinned(envoy_gateway="v1.9.0", gateway_api="v1.6.1")},
        "S104",
        "versions.envoy_gateway",
        "ai_gateway v1.1.0 needs envoy_gateway 1.8.1 to 1.8, not v1.9.0",
    ),
    "Gateway API of another Envoy Gateway": (
        {"versions": pinned(gateway_api="v1.6.1")},
        "S104",
        "versions.gateway_api",
        "envoy_gateway v1.8.3 needs gateway_api 1.5.1 to 1.5, not v1.6.1",
    ),
    "unknown release": (
        {"versions": pinned(envoy_gateway="v1.8.9")},
        "S104",
        "versions.envoy_gateway",
        "envoy_gateway v1.8.9 is not known; known are v1.8.1, v1.8.3, v1.9.0",
    ),
    "no release": (
        {"versions": pinned(prometheus="newest")},
        "S104",
        "versions.prometheus",
        "'newest' is no release",
    ),
    "old Kubernetes": (
        {"kubernetes": "1.33"},
        "S104",
        "kubernetes",
        "nvidia_dra_driver 0.4.1 needs kubernetes 1.34 or newer, not 1.33",
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
        "there already",
    ),
    "a name twice": (
        {"extra": [Component("keda", "keda", CHART), Component("keda", "keda", CHART)]},
        "S105",
        "extra[1].name",
        "there already",
    ),
    "a long name": (
        {"extra": [Component("k" * 54, "keda", CHART)]},
        "S105",
        "extra[0].name",
        "cannot name a Helm release",
    ),
    "a chart without a namespace": (
        {"extra": [Component("keda", chart=CHART)]},
        "S105",
        "extra[0].namespace",
        "needs a namespace",
    ),
    "after nothing": (
        {"extra": [Component("keda", "keda", CHART, after=("prometheus",))]},
        "S105",
        "extra[0].after",
        "comes after prometheus, which is no component",
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
    "no listener": ({"listeners": []}, "S106", "listeners", "there is none"),
    "a listener's name": (
        {"listeners": [Listener("HTTP", 80)]},
        "S106",
        "listeners[0].name",
        "'HTTP' is malformed",
    ),
    "a listener's name twice": (
        {"listeners": [Listener.http(), Listener.http(port=8080)]},
        "S106",
        "listeners[1].name",
        "two listeners are called 'http'",
    ),
    "a port": ({"listeners": [Listener.http(port=0)]}, "S106", "listeners[0].port", "0 is no port"),
    "a port twice": (
        {"listeners": [Listener.http(), Listener("other", 80)]},
        "S106",
        "listeners[1].port",
        "two listeners take port 80",
    ),
    "a host": (
        {"listeners": [Listener.http(hostname="Models")]},
        "S106",
        "listeners[0].hostname",
        "'Models' is no host name",
    ),
    "a host for TCP": (
        {"listeners": [Listener("tcp", 9000, "TCP", "a.example.com")]},
        "S106",
        "listeners[0].hostname",
        "TCP has no host",
    ),
    "HTTPS without a certificate": (
        {"listeners": [Listener("https", 443, "HTTPS")]},
        "S106",
        "listeners[0].certificate",
        "needs a certificate",
    ),
    "HTTP with a certificate": (
        {"listeners": [Listener("http", 80, certificate="tls")]},
        "S106",
        "listeners[0].certificate",
        "HTTP has no certificate",
    ),
    "a certificate's name": (
        {"listeners": [Listener.https("TLS")]},
        "S106",
        "listeners[0].certificate",
        "'TLS' is no Secret's name",
    ),
    "an issuer without a host": (
        {"issuer": Issuer("ca"), "listeners": [Listener.https("tls")]},
        "S106",
        "listeners[0].hostname",
        "listener https has none",
    ),
    "a namespace": (
        {"namespaces": {"lws": "LWS"}},
        "S107",
        "namespaces.lws",
        "'LWS' is no namespace's name",
    ),
    "a namespace for models": (
        {"model_namespaces": ["ml-team", "ML"]},
        "S107",
        "model_namespaces[1]",
        "'ML' is no namespace's name",
    ),
    "a class": ({"gateway_class": "Envoy"}, "S107", "gateway_class", "'Envoy' is malformed"),
    "a relative path": (
        {"devices": DraDriver("run/nvidia")},
        "S108",
        "devices.driver_root",
        "no absolute path",
    ),
}


@pytest.mark.parametrize(("changes", "code", "path", "says"), BAD.values(), ids=BAD)
def test_refused(changes: dict[str, Any], code: str, path: str, says: str) -> None:
    hits = [entry for entry in found(**changes) if entry[:2] == (code, path)]
    assert any(says in message for _, _, message in hits), found(**changes)
    assert all(finding.fix for finding, _ in violations(StackProps(**changes)))


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
    findings = [f for f, _ in violations(StackProps(versions=pinned(gateway_api="v1.6.1")))]
    fix = findings[0].fix
    assert fix.index("STACK_2026_08") < fix.index("STACK_MODELPLANE")
    assert "envoy_gateway v1.8.3" in fix
    assert "allow_untested" in fix


def test_an_untested_combination_is_a_warning_when_the_code_says_so() -> None:
    props = StackProps(versions=pinned(gateway_api="v1.6.1"), allow_untested=True)
    severities = {finding.severity for finding, _ in violations(props)}
    assert severities == {"warning"}
