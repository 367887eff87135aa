"""GAIE v1.6.0's lightweight picker, for conformance tests: it has no plugins.

Read in the sources of the tag (cmd/lwepp, pkg/lwepp). Its staging image was not seen released.
"""

from __future__ import annotations

from dataclasses import replace

from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.gaie import LightweightPickerRelease
from cdk8s_inference.releases.gaie_v1_5_0 import GAIE_V1_5_0

_BEFORE = GAIE_V1_5_0.picker

LWEPP_V1_6_0 = LightweightPickerRelease(
    version="v1.6.0",
    picker=replace(
        _BEFORE,
        image="us-central1-docker.pkg.dev/k8s-staging-images/gateway-api-inference-extension/"
        "lwepp:v1.6.0",
        flags=(
            Flag("endpoint-target-ports", "ints", ()),
            Flag("grpc-health-port", "int", 9003),
            Flag("grpc-port", "int", 9002),
            Flag("health-checking", "bool", False),
            Flag("kubeconfig", "string", ""),
            Flag("metrics-port", "int", 9090),
            Flag("pool-group", "string", "inference.networking.k8s.io"),
            Flag("pool-name", "string", ""),
            Flag("pool-namespace", "string", ""),
            Flag("secure-serving", "bool", True),
            Flag("zap-devel", "bool", True),
            Flag("zap-encoder", "string", ""),
            Flag("zap-log-level", "string", ""),
            Flag("zap-stacktrace-level", "string", ""),
            Flag("zap-time-encoding", "string", ""),
        ),
        always={
            "ha-enable-leader-election": False,
            "metrics-endpoint-auth": False,
            "tracing": False,
        },
        plugins=(),
        watches=tuple(each for each in _BEFORE.watches if not each.if_installed),
        leader_election=(),
        metrics_review=(),
        metrics_reader=(),
        lease="",
        readiness_service="inference-extension",
        liveness_service="",
        engines=(),
        event_engines=(),
        metrics={},
    ),
)
