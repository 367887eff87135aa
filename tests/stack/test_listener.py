from __future__ import annotations

from cdk8s_inference import Gateway, Issuer, Listener
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
