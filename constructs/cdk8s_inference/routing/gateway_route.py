"""The way in to a replica: its HTTPRoute, and what the gateway's provider needs beside it."""

from __future__ import annotations

from collections.abc import Mapping

from cdk8s import ApiObjectMetadata
from constructs import Construct

from cdk8s_inference.gateways.policies import Backend, policies
from cdk8s_inference.imports import httproute as api
from cdk8s_inference.manifest import manifest
from cdk8s_inference.platform import Platform
from cdk8s_inference.routing.route import http_route


def gateway_route(
    scope: Construct,
    id: str,
    *,
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    platform: Platform,
    backend: Backend,
) -> api.HttpRoute | None:
    """The route to the Service or InferencePool of its name; None without a gateway.

    The provider's policies become children of ``scope``.
    """
    provider = platform.gateway.provider
    if not provider.gateway_api:
        return None
    for policy in policies(provider, name=name, backend=backend, health_path=platform.probes.path):
        manifest(
            scope,
            policy.kind,
            api_version=policy.api_version,
            kind=policy.kind,
            metadata=ApiObjectMetadata(name=policy.name, namespace=namespace, labels=labels),
            body={"spec": policy.spec},
        )
    return http_route(
        scope,
        id,
        name=name,
        namespace=namespace,
        labels=labels,
        gateway=platform.gateway,
        backend=backend,
    )
