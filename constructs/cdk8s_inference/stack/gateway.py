"""The inference gateway's objects: its Gateway, and the class where that is the stack's."""

from __future__ import annotations

from ipaddress import ip_address

from cdk8s_inference.stack.catalog import GATEWAY_CONTROLLER
from cdk8s_inference.stack.component import Manifest
from cdk8s_inference.stack.props import StackProps

_GATEWAY_API = "gateway.networking.k8s.io/v1"


def gateway_objects(props: StackProps) -> list[Manifest]:
    """The objects, each after those it refers to; none without a Gateway."""
    if not props.provider.gateway_api:
        return []
    objects = [_gateway(props)]
    if props.provider.controller == "envoy-gateway":
        # Every other controller makes its class itself.
        objects[:0] = _envoy_class(props)
        if policy := props.proxy.traffic_policy():
            objects.append(_client_traffic_policy(props, policy))
    return objects


def _gateway(props: StackProps) -> Manifest:
    gateway, issuer = props.gateway, props.issuer
    annotations = {"annotations": {issuer.annotation: issuer.name}} if issuer else {}
    addresses = [_address(value, props) for value in props.addresses]
    return {
        "apiVersion": _GATEWAY_API,
        "kind": "Gateway",
        "metadata": {"name": gateway.name, "namespace": gateway.namespace, **annotations},
        "spec": {
            "gatewayClassName": props.class_name,
            "listeners": [listener.spec() for listener in props.open_listeners],
            **({"addresses": addresses} if addresses else {}),
        },
    }


def _address(value: str, props: StackProps) -> dict[str, str]:
    try:
        ip_address(value)
    except ValueError:
        named = props.provider.named_addresses
        return {"type": "NamedAddress" if named else "Hostname", "value": value}
    return {"type": "IPAddress", "value": value}


def _envoy_class(props: StackProps) -> list[Manifest]:
    metadata = {"name": props.class_name, "namespace": props.namespace("envoy-gateway")}
    proxy = {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyProxy",
        "metadata": metadata,
        "spec": props.proxy.spec(),
    }
    gateway_class = {
        "apiVersion": _GATEWAY_API,
        "kind": "GatewayClass",
        "metadata": {"name": props.class_name},
        "spec": {
            "controllerName": GATEWAY_CONTROLLER,
            "parametersRef": {
                "group": "gateway.envoyproxy.io",
                "kind": "EnvoyProxy",
                **metadata,
            },
        },
    }
    return [proxy, gateway_class]


def _client_traffic_policy(props: StackProps, policy: Manifest) -> Manifest:
    gateway = props.gateway
    reference = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway.name}
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "ClientTrafficPolicy",
        "metadata": {"name": gateway.name, "namespace": gateway.namespace},
        "spec": {"targetRefs": [reference], **policy},
    }
