"""What proxies do, asked of those that were read: Gateways by their class, and own Envoys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk8s_inference import labels
from cdk8s_inference.topology import HttpManager, KubeObject, Pool, SourceValue, Topology
from cdk8s_inference.topology.gateway import Gateway

if TYPE_CHECKING:
    from cdk8s_inference.gateways import GatewayProvider


def asking_envoys(topology: Topology, namespace: str) -> list[HttpManager]:
    """What Envoys of a namespace, configured by a file, ask a picker in; without a Gateway."""
    return [
        manager
        for envoy in topology.envoys
        if envoy.pods.object.namespace == namespace
        for manager in envoy.managers
        if manager.processor is not None
    ]


def gateways_of(topology: Topology, pool: Pool) -> list[tuple[Gateway, GatewayProvider | None]]:
    """The Gateways whose routes lead to a pool, each with its provider where that is known."""
    found: dict[Gateway, GatewayProvider | None] = {}
    for route in topology.routes_to.get(pool.object, ()):
        for parent in route.parents:
            gateway = topology.gateway(parent.namespace, parent.name.value)
            if gateway is not None:
                found[gateway] = provider_of(topology, gateway.object)
    return list(found.items())


def providers_of(topology: Topology, pool: Pool) -> list[tuple[SourceValue[str], GatewayProvider]]:
    """The providers of a pool's gateways, each with what tells.

    That is the Gateway's class, or where no Gateway was read what the pool was composed for.
    """
    gateways = gateways_of(topology, pool)
    if gateways:
        return [(each.class_name, provider) for each, provider in gateways if provider is not None]
    at = pool.object.at("metadata", "annotations", labels.GATEWAY)
    if at.text is None:
        return []
    from cdk8s_inference.gateways import GATEWAY_PROVIDERS

    provider = GATEWAY_PROVIDERS.get(at.text)
    return [] if provider is None else [(pool.object.value_at(at, at.text), provider)]


def provider_of(topology: Topology, gateway: KubeObject) -> GatewayProvider | None:
    """The provider whose GatewayClasses usually have the name of a Gateway's class."""
    # Half of the time that a check takes, and of no use without a Gateway.
    from cdk8s_inference.gateways import GATEWAY_PROVIDERS

    name = gateway.at("spec", "gatewayClassName").text or ""
    return next((each for each in GATEWAY_PROVIDERS.values() if each.owns_class(name)), None)


def policy_timeout(topology: Topology, route: KubeObject) -> SourceValue[str] | None:
    """The request timeout that a BackendTrafficPolicy of Envoy Gateway gives a route, if one does.

    It targets the route, or a Gateway that the route attaches to. The AI Gateway makes an HTTPRoute
    of the same name of each AIGatewayRoute.
    """
    parents = {parent["name"].text for parent in route.at("spec", "parentRefs").items()}
    for policy in topology.of_kind("BackendTrafficPolicy"):
        timeout = policy.text(policy.at("spec", "timeout", "http", "requestTimeout"))
        if timeout is None:
            continue
        for target in (policy.at("spec", "targetRef"), *policy.at("spec", "targetRefs").items()):
            kind, name = target["kind"].text, target["name"].text
            own = name == route.name and policy.namespace == route.namespace
            if own if kind in ("HTTPRoute", "AIGatewayRoute") else name in parents:
                return timeout
    return None
