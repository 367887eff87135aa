"""The HTTPRoute of a replica or a deployment, and what the gateway's provider needs beside it."""

from __future__ import annotations

from collections.abc import Sequence

from cdk8s_inference.construct_tree import ApiObject, Construct
from cdk8s_inference.gateways.policies import Backend, policies
from cdk8s_inference.manifest import manifest
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.route import http_route


def gateway_route(
    scope: Construct,
    id: str,
    context: ReplicaContext,
    *,
    backend: Backend,
    backends: Sequence[str] = (),
) -> ApiObject | None:
    """The route to a Service or InferencePool; None without a gateway.

    The provider's policies become children of ``scope``.

    Args:
        context: Its name is that of the route.
        backend: The kind of what it leads to.
        backends: What it leads to in equal parts, each with policies of its own; by default the one
            of the route's name.
    """
    platform = context.platform
    provider = platform.gateway.provider
    if not provider.gateway_api:
        return None
    for policy in policies(
        provider,
        name=context.name,
        backend=None if backends else backend,
        health_path=platform.probes.path,
    ):
        manifest(
            scope,
            policy.kind,
            api_version=policy.api_version,
            kind=policy.kind,
            metadata=context.metadata(policy.name),
            body={"spec": policy.spec},
        )
    return http_route(scope, id, context, backend=backend, backends=backends or [context.name])
