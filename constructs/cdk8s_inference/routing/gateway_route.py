"""The way in to a replica: its HTTPRoute, and what the gateway's provider needs beside it."""

from __future__ import annotations

from constructs import Construct

from cdk8s_inference.gateways.policies import Backend, policies
from cdk8s_inference.imports import httproute as api
from cdk8s_inference.manifest import manifest
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.route import http_route


def gateway_route(
    scope: Construct,
    id: str,
    context: ReplicaContext,
    *,
    backend: Backend,
) -> api.HttpRoute | None:
    """The route to the replica's Service or InferencePool; None without a gateway.

    The provider's policies become children of ``scope``.
    """
    platform = context.platform
    provider = platform.gateway.provider
    if not provider.gateway_api:
        return None
    for policy in policies(
        provider, name=context.name, backend=backend, health_path=platform.probes.path
    ):
        manifest(
            scope,
            policy.kind,
            api_version=policy.api_version,
            kind=policy.kind,
            metadata=context.metadata(policy.name),
            body={"spec": policy.spec},
        )
    return http_route(scope, id, context, backend=backend)
