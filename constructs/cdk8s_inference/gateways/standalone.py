"""No gateway: each picker has an Envoy of its own, and a Service leads to that.

Sources: llm-d/llm-d-router v0.10.0 ``config/charts/llm-d-router-standalone``, ``pkg/epp/server``,
``cmd/epp/runner``.
"""

from __future__ import annotations

from cdk8s_inference.gateways.provider import Caveat, GatewayProvider

STANDALONE = GatewayProvider(
    "standalone",
    "Standalone",
    gateway_api=False,
    pools=False,
    failure_modes=("FailClose",),
    picker_tls="plaintext",
    caveats=(
        Caveat(
            "FailOpen is not supported: Envoy has no other endpoint than the one that the picker "
            "returns",
            "https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/"
            "load_balancing/original_dst",
        ),
        Caveat(
            "the picker does not watch InferenceObjectives without an InferencePool",
            "https://github.com/llm-d/llm-d-router/blob/v0.10.0/cmd/epp/runner/runner.go",
        ),
    ),
)
