from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.topology import Gateway, Route
from tests.topology.test_topology import topology

GROUP = "gateway.networking.k8s.io"


def gateway(*listeners: Any, group: str = GROUP) -> dict[str, Any]:
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Gateway",
        "metadata": {"name": "it", "namespace": "gateways"},
        "spec": {"gatewayClassName": "envoy", "listeners": [*listeners]},
    }


def route(namespace: str = "llm", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "it", "namespace": namespace},
        "spec": spec,
    }


def read(listener: Any, namespace: str) -> tuple[Gateway, Route]:
    found = topology([gateway(listener), route(namespace)])
    return found.gateways[0], found.routes[0]


def allowed(**routes: Any) -> dict[str, Any]:
    return {"name": "http", "protocol": "HTTP", "allowedRoutes": routes}


@pytest.mark.parametrize(
    ("listener", "same", "other"),
    [
        ({"name": "http", "protocol": "HTTP"}, True, False),
        (allowed(namespaces={"from": "Same"}), True, False),
        (allowed(namespaces={"from": "All"}), True, True),
        (allowed(namespaces={"from": "Selector", "selector": {}}), True, True),
        (allowed(kinds=[{"kind": "GRPCRoute"}]), False, False),
        (allowed(kinds=[{"kind": "GRPCRoute"}, {"kind": "HTTPRoute"}]), True, False),
        (allowed(kinds=[{"group": "", "kind": "HTTPRoute"}]), False, False),
        ({"name": "tcp", "protocol": "TCP"}, False, False),
        # Of another shape.
        (None, True, False),
        ("x", True, False),
        (allowed(namespaces="All", kinds="HTTPRoute"), True, False),
    ],
    ids=str,
)
def test_which_routes_a_listener_takes(listener: Any, same: bool, other: bool) -> None:
    for namespace, expected in (("gateways", same), ("llm", other)):
        made, attached = read(listener, namespace)
        assert [each.refuses(attached) is None for each in made.listeners] == [expected]


@pytest.mark.parametrize(
    ("parent", "names"),
    [
        ({}, ["a", "b"]),
        ({"sectionName": "b"}, ["b"]),
        ({"sectionName": "c"}, []),
        ({"port": 443}, ["b"]),
        ({"port": 8443}, []),
        ({"sectionName": "a", "port": 443}, []),
        (3, ["a", "b"]),
    ],
    ids=str,
)
def test_a_route_may_name_a_listener(parent: Any, names: list[str]) -> None:
    listeners = {"name": "a", "port": 80}, {"name": "b", "port": 443}
    found = topology([gateway(*listeners), route(parentRefs=[parent])])
    chosen = found.gateways[0].chosen(found.routes[0].parents[0])
    assert [each.name.value for each in chosen] == names


@pytest.mark.parametrize(
    ("listener", "hosts", "taken"),
    [
        ("*.example.com", ["a.example.com"], True),
        ("*.example.com", ["a.b.example.com"], True),
        ("*.example.com", ["example.com"], False),
        ("a.example.com", ["*.example.com"], True),
        ("a.example.com", ["b.example.com", "A.example.com"], True),
        ("a.example.com", ["b.example.com"], False),
        ("a.example.com", [], True),
        (None, ["b.example.com"], True),
        ("${HOST}", ["b.example.com"], True),
    ],
)
def test_hosts_of_a_listener(listener: str | None, hosts: list[str], taken: bool) -> None:
    made = {"name": "http", "protocol": "HTTP", "hostname": listener}
    found = topology([gateway(made), route("gateways", hostnames=hosts)])
    (only,) = found.gateways[0].listeners
    assert (only.refuses(found.routes[0]) is None) is taken


@pytest.mark.parametrize(
    ("labels", "taken"),
    [
        ({"kubernetes.io/metadata.name": "llm"}, True),
        ({"kubernetes.io/metadata.name": "other"}, False),
        ({"kubernetes.io/metadata.name": "other", "team": "a"}, False),
        ({"kubernetes.io/metadata.name": "llm", "team": "a"}, True),
        ({"team": "a"}, True),
    ],
)
def test_namespaces_that_a_listener_selects(labels: dict[str, str], taken: bool) -> None:
    selects = {"from": "Selector", "selector": {"matchLabels": labels}}
    found = topology([gateway(allowed(namespaces=selects)), route()])
    (only,) = found.gateways[0].listeners
    assert (only.refuses(found.routes[0]) is None) is taken


def test_a_gateway_is_found_by_its_name() -> None:
    found = topology([gateway(group="networking.istio.io"), gateway()])
    (only,) = found.gateways  # Istio's own kind of this name is another one.
    assert found.gateway("gateways", "it") is only
    assert found.gateway("llm", "it") is None
    assert only.class_name.value == "envoy"
    assert only.class_name.place.path == "spec.gatewayClassName"


POOL = "inference.networking.k8s.io"
SOURCE = {"group": GROUP, "kind": "HTTPRoute", "namespace": "routes"}
TARGET = {"group": POOL, "kind": "InferencePool"}


@pytest.mark.parametrize(
    ("namespace", "sources", "targets", "allows"),
    [
        ("llm", [SOURCE], [TARGET], True),
        ("llm", [SOURCE], [{**TARGET, "name": "qwen"}], True),
        ("llm", [SOURCE], [{**TARGET, "name": "other"}], False),
        ("llm", [SOURCE], [{**TARGET, "group": ""}], False),
        ("llm", [SOURCE], [{"group": "", "kind": "Service"}, TARGET], True),
        ("llm", [{**SOURCE, "namespace": "llm"}], [TARGET], False),
        ("llm", [{**SOURCE, "kind": "GRPCRoute"}], [TARGET], False),
        ("llm", [{**SOURCE, "group": ""}], [TARGET], False),
        ("routes", [SOURCE], [TARGET], False),
        ("llm", [], [], False),
        ("llm", "x", [None], False),
    ],
)
def test_a_grant(namespace: str, sources: Any, targets: Any, allows: bool) -> None:
    grant = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "it", "namespace": namespace},
        "spec": {"from": sources, "to": targets},
    }
    backend = {**TARGET, "name": "qwen", "namespace": "llm"}
    found = topology([grant, route("routes", rules=[{"backendRefs": [backend]}])])
    (reference,) = found.routes[0].all_backends()
    assert found.grants[0].allows(found.routes[0].object, reference) is allows
