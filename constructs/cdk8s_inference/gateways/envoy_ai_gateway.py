"""Envoy AI Gateway on Envoy Gateway, v1.1.0: read in its sources, and in the xDS of v0.7.0 run.

Sources: envoyproxy/ai-gateway ``internal/extensionserver`` (``inferencepool.go``,
``post_cluster_modify.go``); the project's issues as named.
"""

from __future__ import annotations

from cdk8s_inference.gateways.provider import Caveat, GatewayProvider, ProxyMetrics

_ISSUES = "https://github.com/envoyproxy/ai-gateway/issues"

ENVOY_AI_GATEWAY = GatewayProvider(
    "envoy-ai-gateway",
    "Envoy AI Gateway",
    release="v1.1.0",
    failure_modes=("FailClose",),
    default_timeout_seconds=15,
    cross_namespace_pools=True,
    class_name="envoy",
    classes=("envoy",),
    controller="envoy-gateway",
    components=("ai-gateway-crds", "ai-gateway", "envoy-gateway"),
    metrics=ProxyMetrics(
        {
            "app.kubernetes.io/managed-by": "envoy-gateway",
            "app.kubernetes.io/component": "proxy",
        },
        port=19001,
        component="envoy-gateway",
    ),
    caveats=(
        Caveat("FailOpen is not honored: without a picker every request fails", f"{_ISSUES}/2502"),
        Caveat("a rule accepts one pool and no other backend", f"{_ISSUES}/2231"),
        Caveat(
            "the controller reports Ready before it knows the pools; requests get 500 until then",
            f"{_ISSUES}/2581",
        ),
        Caveat("before v1.1.0 the namespace of a pool is ignored", f"{_ISSUES}/2339"),
    ),
)
