"""The HTTPRoute of a replica or a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdk8s_inference.construct_tree import ApiObject, Construct
from cdk8s_inference.gateways.policies import GATEWAY_GROUP, INFERENCE_GROUP, Backend
from cdk8s_inference.manifest import manifest
from cdk8s_inference.platform import Gateway
from cdk8s_inference.routing.replica_context import ReplicaContext

SERVICE_PORT = 80


def route_path(namespace: str, name: str, gateway: Gateway) -> str:
    """The path prefix under which something is served: the root of its own Service without one."""
    return f"/{namespace}/{name}/" if gateway.provider.gateway_api else "/"


def http_route(
    scope: Construct,
    id: str,
    context: ReplicaContext,
    *,
    backend: Backend,
    backends: Sequence[str],
) -> ApiObject:
    """A route from the path prefix of its own name to Services or InferencePools, equally."""
    gateway = context.platform.gateway
    prefix = route_path(context.namespace, context.name, gateway)
    rewrite = {"path": {"replacePrefixMatch": "/", "type": "ReplacePrefixMatch"}}
    rule: dict[str, Any] = {
        "backendRefs": [_backend_ref(name, backend) for name in backends],
        "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}],
        "matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
    }
    if gateway.provider.route_timeouts:
        # Envoy's default of 15 seconds cuts a longer answer off in the middle of its stream.
        rule["timeouts"] = {"request": "0s"}
    parent = {
        "group": GATEWAY_GROUP,
        "kind": "Gateway",
        "name": gateway.name,
        "namespace": gateway.namespace,
        **({"sectionName": gateway.section_name} if gateway.section_name else {}),
    }
    return manifest(
        scope,
        id,
        api_version=f"{GATEWAY_GROUP}/v1",
        kind="HTTPRoute",
        metadata=context.metadata(),
        body={"spec": {"parentRefs": [parent], "rules": [rule]}},
    )


def _backend_ref(name: str, backend: Backend) -> dict[str, Any]:
    if backend == "InferencePool":
        # Without group and kind the name would silently mean a Service.
        return {"group": INFERENCE_GROUP, "kind": backend, "name": name}
    return {"kind": backend, "name": name, "port": SERVICE_PORT}
