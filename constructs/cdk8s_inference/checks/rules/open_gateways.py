"""Gateways that serve models to everybody who reaches them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.internal_addresses import has_internal_address, is_internal_class
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import KubeObject, Pods, Topology
from cdk8s_inference.topology.gateway import Gateway
from cdk8s_inference.topology.kube_object import strings

_LISTENER = "spec.listeners[0]"


@rule(
    "T821",
    "warning",
    "A Gateway is on plain HTTP, open to routes of all namespaces, without authentication",
    why="Prompts, answers and API keys cross the network unencrypted. Users of any namespace can "
    "publish a service at the Gateway's address, and everybody who reaches the address can use the "
    "models.",
    evidence="Gateway API: a listener without TLS, with allowedRoutes.namespaces.from: All. No "
    "policy that authenticates was read, and no engine asks for an API key.",
    fix="set protocol: HTTPS with a certificate, set allowedRoutes.namespaces.from to Same or "
    "Selector, or add a policy that authenticates, such as a SecurityPolicy of Envoy Gateway or an "
    "AuthorizationPolicy of Istio",
    example=breaks(
        "disaggregated",
        "Gateway/inference",
        f"{_LISTENER}.allowedRoutes.namespaces",
        {"from": "All"},
    ),
)
def open_to_all(topology: Topology) -> Iterator[Violation]:
    if any(map(_authenticates, topology.objects)) or any(map(_asks_for_key, topology.serving)):
        return
    for gateway in topology.gateways:
        if not _may_serve(topology, gateway) or _is_internal(topology, gateway):
            continue
        for listener in gateway.listeners:
            if listener.protocol == "HTTP" and listener.namespaces.value == "All":
                yield Violation(
                    listener.namespaces,
                    f"listener {listener.name.value} takes HTTP, and routes of all namespaces",
                )
                break  # Once for the Gateway.


_POLICIES = frozenset(
    {
        "AuthConfig",
        "AuthPolicy",
        "AuthorizationPolicy",
        "RequestAuthentication",
        "SecurityPolicy",
        "WasmPlugin",
    }
)
"""Kinds of the gateways that decide who may call."""

_WORDS = re.compile(r"auth|jwt|oidc|apikey|iap$|extproc", re.IGNORECASE)
"""Fields by which other policies do so."""


def _authenticates(found: KubeObject) -> bool:
    """Whether an object may have a gateway ask who calls."""
    if found.kind in _POLICIES:
        return True
    targets = found.at("spec", "targetRefs").present or found.at("spec", "targetRef").present
    return targets and _has_field(found.at("spec"), _WORDS)


def _has_field(at: Cursor, words: re.Pattern[str]) -> bool:
    return any(
        isinstance(place.path[-1], str) and words.search(place.path[-1])
        for place in at.descendants()
        if place.path
    )


def _asks_for_key(pods: Pods) -> bool:
    engine = pods.engine
    assert engine is not None
    name = engine.names.api_key
    return bool(name and engine.flag(name)) or "VLLM_API_KEY" in engine.container.environment


def _may_serve(topology: Topology, gateway: Gateway) -> bool:
    """Whether routes to models attach to a Gateway; where none was read that does, they may."""
    routes = [
        route
        for route in topology.routes
        if any(
            topology.gateway(parent.namespace, parent.name.value) is gateway
            for parent in route.parents
        )
    ]
    backends = [backend for route in routes for backend in route.all_backends()]
    services = (topology.service(each.namespace, each.name.value) for each in backends)
    return (
        not routes
        or any(backend.is_pool for backend in backends)
        or any(pods.engine for service in services if service for pods in service.backends)
    )


def _is_internal(topology: Topology, gateway: Gateway) -> bool:
    """Whether only the cluster's own network reaches a Gateway, as far as that is written."""
    if is_internal_class(gateway.class_name.value):
        return True
    spec = gateway.object.at("spec")
    annotations = {
        **gateway.object.annotations,
        **strings(spec.at("infrastructure", "annotations")),
    }
    if has_internal_address(annotations) or annotations.get(_ISTIO_TYPE) == "ClusterIP":
        return True
    names = {spec.at("infrastructure", "parametersRef", "name").text}
    names |= {
        each.at("spec", "parametersRef", "name").text
        for each in topology.of_kind("GatewayClass")
        if each.name == gateway.class_name.value
    }
    services = (
        proxy.at("spec", "provider", "kubernetes", "envoyService")
        for proxy in topology.of_kind("EnvoyProxy")
        if proxy.name in names
    )
    return any(
        service["type"].text == "ClusterIP" or has_internal_address(strings(service["annotations"]))
        for service in services
    )


_ISTIO_TYPE = "networking.istio.io/service-type"
