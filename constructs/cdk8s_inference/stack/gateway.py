"""The inference gateway's objects: GatewayClass, EnvoyProxy, Gateway."""

from __future__ import annotations

from collections.abc import Sequence

from cdk8s_inference.platform import Gateway
from cdk8s_inference.stack.catalog import GATEWAY_CONTROLLER
from cdk8s_inference.stack.component import Manifest
from cdk8s_inference.stack.listener import Listener
from cdk8s_inference.stack.options import Issuer

_GATEWAY_API = "gateway.networking.k8s.io/v1"


def gateway_objects(
    gateway: Gateway,
    *,
    class_name: str,
    listeners: Sequence[Listener],
    issuer: Issuer | None,
    proxy_namespace: str,
) -> list[Manifest]:
    """The objects, each after those it refers to."""
    proxy = {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyProxy",
        "metadata": {"name": class_name, "namespace": proxy_namespace},
        "spec": {
            "provider": {
                "type": "Kubernetes",
                # With Local, the default, some clouds' load balancers find no healthy node.
                "kubernetes": {"envoyService": {"externalTrafficPolicy": "Cluster"}},
            }
        },
    }
    gateway_class = {
        "apiVersion": _GATEWAY_API,
        "kind": "GatewayClass",
        "metadata": {"name": class_name},
        "spec": {
            "controllerName": GATEWAY_CONTROLLER,
            "parametersRef": {
                "group": "gateway.envoyproxy.io",
                "kind": "EnvoyProxy",
                "name": class_name,
                "namespace": proxy_namespace,
            },
        },
    }
    annotations = {"annotations": {issuer.annotation: issuer.name}} if issuer else {}
    return [
        proxy,
        gateway_class,
        {
            "apiVersion": _GATEWAY_API,
            "kind": "Gateway",
            "metadata": {"name": gateway.name, "namespace": gateway.namespace, **annotations},
            "spec": {
                "gatewayClassName": class_name,
                "listeners": [listener.spec() for listener in listeners],
            },
        },
    ]
