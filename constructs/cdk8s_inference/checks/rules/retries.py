"""Retries: what a gateway does to requests that take long."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.topology import Topology
from cdk8s_inference.topology.route import seconds

_SHORTEST = 300
"""Seconds that an answer may well take, the wait in the engine's queue included."""


@rule(
    "T511",
    "warning",
    "A per-try timeout ends long answers",
    why="Envoy ends each try after this time, whatever the route's own timeout is: long answers "
    "are cut, and are started again from their first token, on another pod.",
    evidence="Envoy Gateway: BackendTrafficPolicy, retry.perRetry.timeout; Envoy: per_try_timeout "
    "covers the whole response.",
    fix="leave retry.perRetry.timeout out, and limit connection attempts by "
    "timeout.tcp.connectTimeout",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: qwen, namespace: llm}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: qwen}]
  retry: {numRetries: 2, perRetry: {timeout: 60s}}
""",
    ),
)
def per_try_timeout(topology: Topology) -> Iterator[Violation]:
    for policy in topology.of_kind("BackendTrafficPolicy"):
        timeout = policy.text(policy.at("spec", "retry", "perRetry", "timeout"))
        if timeout is not None and 0 < (seconds(timeout.value) or 0) < _SHORTEST:
            yield Violation(timeout, f"each try ends after {timeout.value}")
