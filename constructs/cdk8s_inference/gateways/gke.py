"""GKE Inference Gateway: a managed load balancer, whose controller nobody can read.

Sources: GoogleCloudPlatform/gke-gateway-api ``config/crd`` for the policies' fields;
llm-d/llm-d-router v0.10.0 ``config/charts/llm-d-router-gateway`` for which are needed; the
conformance report of v0.5.0 in kubernetes-sigs/gateway-api-inference-extension; issues as named.
"""

from __future__ import annotations

from cdk8s_inference.gateways.provider import Caveat, GatewayProvider, Provided

_CHART = (
    "https://github.com/llm-d/llm-d-router/blob/v0.10.0/config/charts/llm-d-router-gateway/"
    "templates/gke.yaml"
)
_REPORTS = (
    "https://github.com/kubernetes-sigs/gateway-api-inference-extension/tree/main/conformance/"
    "reports/v0.5.0/gateway/gke-gateway"
)

GKE = GatewayProvider(
    "gke",
    "GKE Gateway",
    # Any is refused with UnsupportedValue, and the whole route with it (kserve/kserve#5311).
    route_timeouts=False,
    default_timeout_seconds=30,
    class_name="gke-l7-regional-external-managed",
    classes=("gke-l7-*",),
    class_is_chosen=False,
    named_addresses=True,
    provided=(Provided("gateway-api"), Provided("inference-extension", since="1.34")),
    policies=("HealthCheckPolicy", "GCPBackendPolicy"),
    caveats=(
        Caveat(
            "a route with timeouts is refused; the time limit is the GCPBackendPolicy's",
            "https://github.com/kserve/kserve/issues/5311",
        ),
        Caveat(
            "that it speaks TLS to the picker is inferred: llm-d's chart leaves TLS on for it",
            _CHART,
        ),
        Caveat(
            "failure modes, and that headers of the picker are passed on, were not verified; "
            "its last conformance report is of InferencePool v0.5.0",
            _REPORTS,
        ),
        Caveat(
            "the InferencePool CRD is there from 1.34.0-gke.1626000 on",
            "https://llm-d.ai/docs/dev/resources/gateway/install-crds",
        ),
        Caveat(
            "the regional classes need a proxy-only subnet",
            "https://cloud.google.com/kubernetes-engine/docs/how-to/deploy-gke-inference-gateway",
        ),
    ),
)
