"""Pods of a gang that have no HTTP server."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.topology import Topology

_FOLLOWER = "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0]"


@rule(
    "T629",
    "error",
    "A headless engine is probed over the network",
    why="It has no HTTP server: the pod never becomes Ready, and a liveness or startup probe "
    "restarts it, and with it the whole gang.",
    evidence="vLLM's --headless starts engine processes without the API server; read in its "
    "source. LeaderWorkerSet restarts a group when one of its pods restarts.",
    fix="remove the probes from followers, and probe the leader",
    example=breaks(
        "gang",
        "LeaderWorkerSet/kimi",
        f"{_FOLLOWER}.readinessProbe",
        {"httpGet": {"path": "/health", "port": 8000}},
    ),
    after=("T315",),
)
def probed_follower(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        headless = engine.flag(engine.names.headless) if engine is not None else None
        if engine is None or headless is None:
            continue
        probes = engine.container.probes
        if probes:
            kinds = ", ".join(dict.fromkeys(probe.kind for probe in probes))
            yield Violation(
                pods.object.value_at(probes[0].at, None),
                f"the {pods.part} runs with {engine.names.headless}, and has {kinds}",
                headless,
            )
