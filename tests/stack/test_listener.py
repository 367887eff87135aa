from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import Gateway, InvalidInput, Issuer, Listener
from cdk8s_inference.gateways import GKE
from cdk8s_inference.stack.gateway import gateway_objects
from cdk8s_inference.stack.props import StackProps
from tests.kit.synth import the, validated

ALL = {"namespaces": {"from": "All"}}


def test_http() -> None:
    assert Listener.http().spec() == {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": ALL,
    }


def test_https_ends_tls_with_its_certificate() -> None:
    assert Listener.https("tls", hostname="models.example.com").spec() == {
        "name": "https",
        "port": 443,
        "protocol": "HTTPS",
        "hostname": "models.example.com",
        "tls": {
            "mode": "Terminate",
            "certificateRefs": [{"group": "", "kind": "Secret", "name": "tls"}],
        },
        "allowedRoutes": ALL,
    }


def test_tls_without_a_certificate_is_passed_through() -> None:
    assert Listener("tls", 443, "TLS").spec()["tls"] == {"mode": "Passthrough"}


def test_namespaces_by_label() -> None:
    spec = Listener("http", 80, namespace_labels={"models": "yes"}).spec()
    selector = {"matchLabels": {"models": "yes"}}
    assert spec["allowedRoutes"] == {"namespaces": {"from": "Selector", "selector": selector}}


def test_namespaces_by_name() -> None:
    spec = Listener.http(namespaces=["ml-team", "research"]).spec()
    names = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": ["ml-team", "research"],
    }
    selector = {"matchExpressions": [names]}
    assert spec["allowedRoutes"] == {"namespaces": {"from": "Selector", "selector": selector}}


def test_names_or_labels() -> None:
    with pytest.raises(InvalidInput, match="set one of them"):
        Listener("http", 80, namespaces=["a"], namespace_labels={"models": "yes"})


def gateway(**changes: Any) -> dict[str, Any]:
    objects = [dict(entry) for entry in gateway_objects(StackProps(**changes))]
    return the(validated(objects), "Gateway")


def test_with_an_issuer_the_default_is_https() -> None:
    found = gateway(issuer=Issuer("letsencrypt", hostname="models.example.com"))
    listener = Listener.https("inference-gateway-tls", hostname="models.example.com")
    assert found["spec"]["listeners"] == [listener.spec()]
    assert found["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}


def test_the_issuers_host_is_that_of_certificates_without_one() -> None:
    listeners = [
        Listener.http(),
        Listener.https("a", "a"),
        Listener.https("b", "b", hostname="b.example.com"),
    ]
    found = gateway(issuer=Issuer("ca", hostname="a.example.com"), listeners=listeners)
    assert [each.get("hostname") for each in found["spec"]["listeners"]] == [
        None,
        "a.example.com",
        "b.example.com",
    ]


def test_addresses() -> None:
    wanted = ["192.0.2.1", "2001:db8::1", "models"]
    addresses = gateway(addresses=wanted)["spec"]["addresses"]
    assert [each["type"] for each in addresses] == ["IPAddress", "IPAddress", "Hostname"]
    assert [each["value"] for each in addresses] == wanted
    (named,) = gateway(gateway=Gateway(provider=GKE), addresses=["models"])["spec"]["addresses"]
    assert named == {"type": "NamedAddress", "value": "models"}
    assert "addresses" not in gateway()["spec"]


def test_the_gateway_has_all_of_them_in_order() -> None:
    listeners = [
        Listener.http(),
        Listener.https("tls", hostname="models.example.com"),
        Listener("tls", 8443, "TLS", "*.example.com", "wildcard"),
        Listener("grpc", 9000, "TCP"),
    ]
    objects = validated(
        [
            dict(entry)
            for entry in gateway_objects(
                StackProps(
                    gateway=Gateway("edge", "models"),
                    gateway_class="envoy-models",
                    listeners=listeners,
                    issuer=Issuer("letsencrypt"),
                )
            )
        ]
    )
    gateway = the(objects, "Gateway", "models")
    assert gateway["metadata"]["namespace"] == "edge"
    assert gateway["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}
    assert gateway["spec"]["gatewayClassName"] == "envoy-models"
    assert [entry["name"] for entry in gateway["spec"]["listeners"]] == [
        "http",
        "https",
        "tls",
        "grpc",
    ]
    proxy = the(objects, "EnvoyProxy", "envoy-models")
    reference = the(objects, "GatewayClass", "envoy-models")["spec"]["parametersRef"]
    assert (reference["name"], reference["namespace"]) == (
        proxy["metadata"]["name"],
        proxy["metadata"]["namespace"],
    )
    service = proxy["spec"]["provider"]["kubernetes"]["envoyService"]
    assert service == {"externalTrafficPolicy": "Cluster"}


def test_an_issuer_of_the_gateways_namespace() -> None:
    assert Issuer("ca", "Issuer").annotation == "cert-manager.io/issuer"
