"""The ranks of a gang: whether its pods have a device for each, and find each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import Edit, Example, manifests
from cdk8s_inference.servers.ranks import Ranks
from cdk8s_inference.servers.release import release_order
from cdk8s_inference.servers.socket import LOOPBACK
from cdk8s_inference.servers.vllm import RAY_FALLBACK_UNTIL
from cdk8s_inference.topology import Engine, Pods, Topology

_PARALLEL = "--tensor-parallel-size 8 --pipeline-parallel-size 2"


def _started(flags: str) -> Example:
    """A gang whose leader and follower are both given some flags."""
    serve = f"exec vllm serve moonshotai/Kimi-K2 {_PARALLEL}{flags}"
    at = "spec.leaderWorkerTemplate.{}Template.spec.containers[0].args[0]"
    return manifests(
        "gang",
        Edit("LeaderWorkerSet/kimi", at.format("leader"), f"{serve} --port 8000"),
        Edit("LeaderWorkerSet/kimi", at.format("worker"), f"{serve} --headless"),
    )


@rule(
    "T650",
    "error",
    "The ranks of an engine do not fit the pods of its gang",
    why="The engine exits when it starts: each rank takes a device of its own, and without "
    "--nnodes or Ray a server starts all of them in its own pod.",
    evidence="Read in vLLM's ParallelConfig (World size is larger than the number of available "
    "GPUs in this node; world_size must be divisible by nnodes), and in SGLang's "
    "check_server_args; vllm-project/vllm#29447.",
    fix="set --nnodes to the gang's size on all of its pods, with --node-rank and the leader's "
    "address (vLLM: --master-addr, SGLang: --dist-init-addr)",
    example=_started(""),
)
def ranks_of_a_gang(topology: Topology) -> Iterator[Violation]:
    joined = {pods.workload for pods in topology.pods if _mentions_ray(pods)}
    for pods in topology.serving:
        engine, size = pods.engine, pods.workload.size
        ranks = engine.ranks if engine is not None else None
        if engine is None or ranks is None or size.value < 2 or pods.may_gain("nodes", "devices"):
            continue
        names = engine.names
        parts = engine.flag(names.pipeline_parallel) or engine.flag(names.tensor_parallel)
        at = parts or engine.container.here
        by_ray = pods.workload in joined and _turns_to_ray(engine)
        if ranks.by == "ray" or (ranks.pods == 1 and by_ray):
            continue
        if ranks.in_pod is None:
            yield Violation(
                engine.flag(names.nodes) or at,
                f"{ranks.total} ranks do not divide over {ranks.pods} nodes",
                at,
                fix=f"set {names.nodes} to a divisor of {ranks.total}, or change the parallelism",
            )
            continue
        devices = topology.devices(pods, engine.container)
        # Where the gang as a whole has too few, T704 says so.
        if devices is None or "tpu" in engine.container.image.value:
            continue
        if devices.value < ranks.in_pod and devices.value * size.value >= ranks.total:
            yield Violation(
                at, f"{ranks.in_pod} ranks start in a pod of {devices.value} devices", devices
            )


def _turns_to_ray(engine: Engine) -> bool:
    """Whether it may be of a release that spreads its ranks by Ray without being told to."""
    release = engine.invocation.release
    return release is None or release_order(release) < release_order(RAY_FALLBACK_UNTIL)


_RAY = re.compile(r"(?<![a-z])ray(?![a-z])|\.sh\b", re.IGNORECASE)


def _mentions_ray(pods: Pods) -> bool:
    """Whether something of pods may start Ray, or join it: a word, a script, a variable."""
    return any(
        _RAY.search(text)
        for container in pods.containers
        for text in (
            *container.at["command"].strings,
            *container.at["args"].strings,
            *(name for name in container.environment if name.startswith("RAY_")),
        )
    )


@rule(
    "T651",
    "error",
    "A pod of a gang does not know where the first pod is",
    why="The pods wait for each other until they time out: each of them looks for the first one "
    "on its own loopback address.",
    evidence="vLLM: --master-addr is 127.0.0.1 unless it is given, and --data-parallel-address is "
    "--master-addr. SGLang: --dist-init-addr has no default. Read in their sources.",
    fix="set it to $(LWS_LEADER_ADDRESS), which LeaderWorkerSet sets in every pod; SGLang's with "
    "a port, as in $(LWS_LEADER_ADDRESS):20000",
    example=_started(" --nnodes 2 --node-rank $(LWS_WORKER_INDEX)"),
)
def address_of_the_first(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine, size = pods.engine, pods.workload.size
        ranks = engine.ranks if engine is not None else None
        if engine is None or ranks is None or size.value < 2 or pods.may_gain("nodes"):
            continue
        if ranks.rendezvous:
            yield from _unmet(engine, ranks)


def _unmet(engine: Engine, ranks: Ranks) -> Iterator[Violation]:
    given = next(filter(None, (engine.flag(flag) for flag in ranks.rendezvous)), None)
    if given is None:
        yield Violation(
            engine.flag(engine.names.nodes, engine.names.data_parallel) or engine.container.here,
            f"{' or '.join(ranks.rendezvous)} is not given",
        )
    elif given.value.rpartition(":")[0] in LOOPBACK or given.value in LOOPBACK:
        yield Violation(given, f"{given.value} is the pod itself, in each of the gang's pods")
