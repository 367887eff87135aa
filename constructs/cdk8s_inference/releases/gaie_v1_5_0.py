"""GAIE v1.5.0, the last release of its picker; router v0.8.0 is this picker with more plugins.

Its pools are of the group inference.networking.k8s.io alone. Read in the sources of the tag;
what router v0.8.0 does with the same code was seen run.
"""

from __future__ import annotations

from dataclasses import replace

from cdk8s_inference.releases.gaie_v1_4_0 import GAIE_V1_4_0
from cdk8s_inference.releases.router_v0_8_0 import ROUTER_V0_8_0

_BEFORE = GAIE_V1_4_0

_REGISTERED = (
    "approx-prefix-cache-producer",
    "concurrency-detector",
    "core-metrics-extractor",
    "destination-endpoint-served-verifier",
    "edf-ordering-policy",
    "endpoint-notification-source",
    "fcfs-ordering-policy",
    "global-strict-fairness-policy",
    "header-based-testing-filter",
    "inflight-load-producer",
    "k8s-notification-source",
    "kv-cache-utilization-scorer",
    "latency-scorer",
    "latency-slo-admitter",
    "lora-affinity-scorer",
    "max-score-picker",
    "metrics-data-source",
    "openai-parser",
    "passthrough-parser",
    "predicted-latency-producer",
    "predicted-latency-scorer",
    "prefix-cache-affinity-filter",
    "prefix-cache-scorer",
    "queue-scorer",
    "random-picker",
    "request-attribute-reporter",
    "round-robin-fairness-policy",
    "running-requests-size-scorer",
    "single-profile-handler",
    "slo-deadline-ordering-policy",
    "slo-headroom-tier-filter",
    "static-usage-limit-policy",
    "token-load-scorer",
    "utilization-detector",
    "vllmgrpc-parser",
    "weighted-random-picker",
)

GAIE_V1_5_0 = replace(
    _BEFORE,
    version="v1.5.0",
    picker=replace(
        ROUTER_V0_8_0.picker,
        image="registry.k8s.io/gateway-api-inference-extension/epp:v1.5.0",
        config=replace(ROUTER_V0_8_0.picker.config, seen_run=False),
        plugins=tuple(ROUTER_V0_8_0.plugin(type) for type in _REGISTERED),
        metrics={
            **_BEFORE.picker.metrics,
            "inference_extension_flow_control_pool_saturation": "gauge",
            "inference_pool_average_running_requests": "gauge",
        },
    ),
)
