"""Istio 1.30.3, read in its sources.

Sources: istio/istio at tag 1.30.3, ``pilot/pkg/config/kube/gateway/conversion.go`` and
``inferencepool_collection.go``, ``pilot/pkg/networking/core/route/route.go``,
``pilot/pkg/features/experimental.go``, ``manifests/charts``.
"""

from __future__ import annotations

from cdk8s_inference.gateways.provider import Caveat, GatewayProvider, ProxyMetrics

_SOURCES = "https://github.com/istio/istio/blob/1.30.3"

ISTIO = GatewayProvider(
    "istio",
    "Istio",
    release="1.30.3",
    picker_tls="DestinationRule",
    cross_namespace_pools=True,
    class_name="istio",
    classes=("istio",),
    class_is_chosen=False,
    controller="istiod",
    components=("istio-base", "istiod"),
    policies=("DestinationRule",),
    metrics=ProxyMetrics({"gateway.networking.k8s.io/gateway-name": "{gateway}"}, port=15020),
    caveats=(
        Caveat(
            "InferencePools are experimental, and off unless istiod has "
            "ENABLE_GATEWAY_API_INFERENCE_EXTENSION",
            f"{_SOURCES}/pilot/pkg/features/experimental.go",
        ),
        Caveat(
            "two pools in one rule share one picker; the fix came after 1.30.3",
            "https://github.com/istio/istio/issues/61594",
        ),
        Caveat(
            "an endpoint that is not in the pool is passed over for any that is, without an error",
            f"{_SOURCES}/pilot/pkg/networking/core/cluster_builder.go",
        ),
    ),
)
