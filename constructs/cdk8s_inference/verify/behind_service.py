"""The pods behind Services, and the Services of gateways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cdk8s_inference.cluster import ClusterFailure, Connection
from cdk8s_inference.source import Cursor

Port = tuple[str, str, int]
"""Namespace and name of a pod, and a port of it."""

_OF_SERVICE = "kubernetes.io/service-name"
_GATEWAY = "gateway.networking.k8s.io/gateway-name"
"""On what a controller makes of a Gateway, by GEP-1762."""

_ENVOY_GATEWAY = "gateway.envoyproxy.io/owning-gateway"
"""On what Envoy Gateway makes of one, by default in its own namespace."""


def ready_port(connection: Connection, namespace: str, service: str, port: int) -> Port | None:
    """A Ready pod behind a port of a Service, and the pod's own port; None where there is none.

    Raises:
        ClusterFailure: The API does not answer, or refuses.
    """
    found = connection.get(f"/api/v1/namespaces/{namespace}/services/{service}")
    names = [
        each["name"].text or ""
        for each in Cursor(found).at("spec", "ports").items()
        if each["port"].value == port
    ]
    query = {"labelSelector": f"{_OF_SERVICE}={service}"}
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    for each in Cursor(connection.get(path, query))["items"].items():
        targets = [
            target["port"].value
            for target in each["ports"].items()
            if (target["name"].text or "") in names
        ]
        for endpoint in each["endpoints"].items():
            pod = endpoint.at("targetRef", "name").text
            if targets and pod and endpoint.at("conditions", "ready").value is not False:
                return namespace, pod, targets[0]
    return None


def gateway_port(connection: Connection, namespace: str, gateway: str, port: int) -> Port | None:
    """A Ready proxy of a Gateway, and where it listens for a listener's port.

    None where the cluster has no such pod, as of a cloud's load balancer, or does not let it be
    found.
    """
    for where, service in _services(connection, namespace, gateway):
        try:
            if (found := ready_port(connection, where, service, port)) is not None:
                return found
        except ClusterFailure:
            continue
    return None


def _services(connection: Connection, namespace: str, gateway: str) -> Iterator[tuple[str, str]]:
    own = f"{_GATEWAY}={gateway}"
    envoys = f"{_ENVOY_GATEWAY}-name={gateway},{_ENVOY_GATEWAY}-namespace={namespace}"
    asked = ((f"/api/v1/namespaces/{namespace}/services", own), ("/api/v1/services", envoys))
    for path, selector in asked:
        try:
            found: Any = connection.get(path, {"labelSelector": selector})
        except ClusterFailure:
            continue
        for each in Cursor(found)["items"].items():
            metadata = each["metadata"]
            yield metadata["namespace"].text or "", metadata["name"].text or ""
