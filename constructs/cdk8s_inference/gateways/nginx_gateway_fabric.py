"""NGINX Gateway Fabric 2.6.7, read in its sources.

Sources: nginx/nginx-gateway-fabric at tag v2.6.7, ``cmd/gateway/endpoint_picker.go``,
``internal/controller/nginx/modules/src/epp.js``, ``internal/controller/nginx/config/maps.go``,
``internal/controller/state/graph/httproute.go``, ``charts/nginx-gateway-fabric``.
"""

from __future__ import annotations

from cdk8s_inference.gateways.provider import Caveat, GatewayProvider, ProxyMetrics

_PROJECT = "https://github.com/nginx/nginx-gateway-fabric"

NGINX_GATEWAY_FABRIC = GatewayProvider(
    "nginx-gateway-fabric",
    "NGINX Gateway Fabric",
    release="2.6.7",
    picker_headers=False,
    failure_modes=("FailOpen",),
    route_timeouts=False,
    default_timeout_seconds=60,
    weighted_pools=True,
    cross_namespace_pools=True,
    class_name="nginx",
    classes=("nginx",),
    controller="nginx-gateway-fabric",
    components=("nginx-gateway-fabric",),
    policies=("ProxySettingsPolicy",),
    metrics=ProxyMetrics(
        {"gateway.networking.k8s.io/gateway-name": "{gateway}"}, port=9113, path="/metrics"
    ),
    caveats=(
        Caveat(
            "it uses only the endpoint of the picker's response and drops the header that names "
            "the prefill pod, so decode pods prefill every prompt",
            f"{_PROJECT}/blob/v2.6.7/cmd/gateway/endpoint_picker.go",
        ),
        Caveat(
            "FailClose is not honored: without a picker requests go to any pod; the fix came "
            "after 2.6.7",
            f"{_PROJECT}/issues/5420",
        ),
        Caveat(
            "a route's timeouts are not supported; the ProxySettingsPolicy has them",
            f"{_PROJECT}/blob/v2.6.7/internal/controller/state/graph/httproute.go",
        ),
    ),
)
