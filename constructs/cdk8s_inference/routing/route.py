"""The HTTPRoute of a replica or a deployment, from the generated imports."""

from __future__ import annotations

from collections.abc import Sequence

from constructs import Construct

from cdk8s_inference.gateways.policies import GATEWAY_GROUP, INFERENCE_GROUP, Backend
from cdk8s_inference.imports import httproute as api
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
) -> api.HttpRoute:
    """A route from the path prefix of its own name to Services or InferencePools, equally."""
    gateway = context.platform.gateway
    path = api.HttpRouteSpecRulesMatchesPath(
        type=api.HttpRouteSpecRulesMatchesPathType.PATH_PREFIX,
        value=route_path(context.namespace, context.name, gateway),
    )
    rewrite = api.HttpRouteSpecRulesFiltersUrlRewrite(
        path=api.HttpRouteSpecRulesFiltersUrlRewritePath(
            type=api.HttpRouteSpecRulesFiltersUrlRewritePathType.REPLACE_PREFIX_MATCH,
            replace_prefix_match="/",
        )
    )
    rule = api.HttpRouteSpecRules(
        matches=[api.HttpRouteSpecRulesMatches(path=path)],
        filters=[
            api.HttpRouteSpecRulesFilters(
                type=api.HttpRouteSpecRulesFiltersType.URL_REWRITE, url_rewrite=rewrite
            )
        ],
        backend_refs=[_backend_ref(name, backend) for name in backends],
        timeouts=_timeouts(gateway),
    )
    parent = api.HttpRouteSpecParentRefs(
        group=GATEWAY_GROUP,
        kind="Gateway",
        namespace=gateway.namespace,
        name=gateway.name,
        section_name=gateway.section_name,
    )
    return api.HttpRoute(
        scope,
        id,
        metadata=context.metadata(),
        spec=api.HttpRouteSpec(parent_refs=[parent], rules=[rule]),
    )


def _timeouts(gateway: Gateway) -> api.HttpRouteSpecRulesTimeouts | None:
    if not gateway.provider.route_timeouts:
        return None
    # Envoy's default of 15 seconds cuts a longer answer off in the middle of its stream.
    return api.HttpRouteSpecRulesTimeouts(request="0s")


def _backend_ref(name: str, backend: Backend) -> api.HttpRouteSpecRulesBackendRefs:
    if backend == "InferencePool":
        # Without group and kind the name would silently mean a Service.
        return api.HttpRouteSpecRulesBackendRefs(group=INFERENCE_GROUP, kind=backend, name=name)
    return api.HttpRouteSpecRulesBackendRefs(kind=backend, name=name, port=SERVICE_PORT)
