"""agentgateway v1.4.1, read in its sources.

Sources: agentgateway/agentgateway at tag v1.4.1,
``controller/pkg/agentgateway/plugins/inference_plugin.go``, ``.../translator/builtin_helpers.go``,
``crates/agentgateway/src/http/ext_proc.rs``, ``controller/install/helm``.
"""

from __future__ import annotations

from cdk8s_inference.gateways.provider import Caveat, GatewayProvider

_PROJECT = "https://github.com/agentgateway/agentgateway"

AGENTGATEWAY = GatewayProvider(
    "agentgateway",
    "agentgateway",
    release="v1.4.1",
    failure_modes=("FailClose",),
    weighted_pools=True,
    cross_namespace_pools=True,
    class_name="agentgateway",
    classes=("agentgateway",),
    controller="agentgateway",
    components=("agentgateway-crds", "agentgateway"),
    caveats=(
        Caveat(
            "FailOpen is not honored for requests with a body: without a picker they get 500",
            f"{_PROJECT}/issues/3473",
        ),
        Caveat(
            "it is built on Gateway API v1.6.1; with v1.5 only v1.0.0 has a conformance report",
            f"{_PROJECT}/blob/v1.4.1/go.mod",
        ),
    ),
)
