"""Ports that an engine raises by the rank of its pod."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Violation
from cdk8s_inference.findings.evidence import ReadInSource
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.topology import Engine, Topology

_ENGINE = {
    "name": "vllm",
    "image": "vllm/vllm-openai:v0.32.0",
    "args": [
        "--model=moonshotai/Kimi-K2",
        "--port=8000",
        "--data-parallel-size=2",
        "--data-parallel-size-local=1",
        "--data-parallel-start-rank=$(LWS_WORKER_INDEX)",
        "--data-parallel-address=$(LWS_LEADER_ADDRESS)",
        "--data-parallel-hybrid-lb",
        '--kv-events-config={"enable_kv_cache_events":true,"publisher":"zmq"}',
    ],
    "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}},
    "resources": {"limits": {"nvidia.com/gpu": 1}},
}
_POD = {"metadata": {"labels": {"model": "kimi"}}, "spec": {"containers": [_ENGINE]}}

_FIXED = frozenset({"KV events", "KV event replay", "P2P tier"})
"""What others dial by a port that they are configured with. NIXL tells its port by itself."""


@rule(
    "T322",
    "warning",
    "Pods of one gang listen on different ports than their peers dial",
    why="vLLM adds the global data-parallel rank to these ports. The first pod listens on the "
    "port that is written, the next ones above it, and peers or the picker dial the same port on "
    "all of them: connections are refused, or reach another rank. It is an error where prefill "
    "hands over to decode by such a port alone.",
    known=ReadInSource("vLLM"),
    evidence="Its offset_endpoint_port for KV events, and the P2P tier's "
    "port + data_parallel_rank.",
    fix="lower the port by the pod's start rank, such as $((5557 - START_RANK)) in a shell",
    example=manifests(
        "gang",
        Edit(
            "LeaderWorkerSet/kimi",
            "spec.leaderWorkerTemplate",
            {"size": 2, "workerTemplate": _POD},
        ),
    ),
)
def raised_ports(topology: Topology) -> Iterator[Violation]:
    handing_over = {
        pods.workload
        for pool in topology.disaggregated
        for pods in pool.members
        if pods.engine is not None and pods.engine.flag(pods.engine.names.start_rank) is not None
    }
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or pods.workload.size.value < 2:
            continue
        start = engine.flag(engine.names.start_rank)
        if start is None or start.value == "0":
            continue
        for socket in engine.sockets:
            if socket.by_start_rank and socket.purpose in _FIXED and socket.port is not None:
                needed = socket.purpose == "P2P tier" and pods.workload in handing_over
                yield Violation(
                    start,
                    f"the {socket.purpose} port is {socket.port} plus this start rank, "
                    f"{start.value}, which differs from pod to pod",
                    engine.transfer_flag,
                    severity="error" if needed and _hands_over_by_tier(engine) else None,
                )


def _hands_over_by_tier(engine: Engine) -> bool:
    """Whether nothing else than its P2P tier hands its cache over: the sidecar dials one port."""
    return engine.transfer is not None and engine.transfer.connector.value == "OffloadingConnector"


@rule(
    "T120",
    "warning",
    "Ranks of an engine get no requests",
    why="The picker sends to the ports of the pool alone: the other ranks and their devices are "
    "idle.",
    evidence="InferencePool: targetPorts. vLLM's --data-parallel-multi-port-external-lb gives each "
    "rank of a pod a port of its own.",
    fix="list a port for each rank in the pool's targetPorts",
    example=manifests(
        "disaggregated",
        *(
            Edit(f"Deployment/{name}", f"spec.template.spec.containers[0].args[{index}]", flag)
            for name in ("prefill", "decode")
            for index, flag in (
                (2, "--data-parallel-size=2"),
                (4, "--data-parallel-multi-port-external-lb"),
            )
        ),
        Edit("Deployment/decode", "spec.template.spec.containers[0].args[1]", "--port=8200"),
        Edit("Deployment/decode", "spec.template.spec.containers[0].ports[0].containerPort", 8200),
        Edit(
            "Deployment/decode",
            "spec.template.spec.initContainers[0].args[1]",
            "--model-server-port=8200",
        ),
        Edit(
            "Deployment/decode",
            "spec.template.spec.initContainers[0].args[4]",
            "--data-parallel-size=2",
        ),
    ),
)
def idle_ranks(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        listed = {port.value for port in pool.ports}
        for pods in pool.members:
            engine, sidecar = pods.engine, pods.sidecar
            if engine is None or not engine.ports_per_rank or pods.may_gain("flags", "ports"):
                continue
            taken = engine.ports if sidecar is None else sidecar.ports
            idle = [port for port in taken if port not in listed]
            if listed & set(taken) and idle:
                yield Violation(
                    pool.ports[0],
                    f"{pods.object} listens on {taken[0]} to {taken[-1]}, one port for each rank, "
                    f"and {pool} sends to {', '.join(map(str, sorted(listed)))}",
                    engine.flag(engine.names.data_parallel) or engine.container.here,
                    cause=pool.ports[0],
                )
