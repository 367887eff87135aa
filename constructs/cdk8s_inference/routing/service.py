"""The Service by which pods are reached over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from cdk8s_inference.construct_tree import ApiObject, Construct
from cdk8s_inference.manifest import manifest
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.route import SERVICE_PORT


def http_service(
    scope: Construct, context: ReplicaContext, selector: Mapping[str, str], target_port: int
) -> ApiObject:
    """A Service of the context's name, as the child ``service`` of ``scope``."""
    port = {"name": "http", "port": SERVICE_PORT, "targetPort": target_port}
    return manifest(
        scope,
        "service",
        api_version="v1",
        kind="Service",
        metadata=context.metadata(),
        body={"spec": {"selector": dict(selector), "ports": [port]}},
    )
