"""SGLang. Read in its source, releases 0.4.10 to 0.5.23; "seen run" with 0.5.23."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.servers.flags import Grammar
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.kv_connector import KvConnector
from cdk8s_inference.servers.ranks import Ranks, divided
from cdk8s_inference.servers.server import (
    Directory,
    FlagNames,
    Metrics,
    Program,
    Server,
    endpoint_socket,
    http_socket,
    readable,
)
from cdk8s_inference.servers.socket import Socket

DEFAULT_BACKEND = "mooncake"
DEFAULT_BOOTSTRAP_PORT = 8998
ADDRESS_VARIABLES = ("SGLANG_HOST_IP", "HOST_IP")
"""Variables that tell an engine its own address; the first that is not empty counts."""

_FLAGS = FlagNames(
    host="--host",
    port="--port",
    model="--model-path",
    served_model="--served-model-name",
    config_file="--config",
    tensor_parallel="--tensor-parallel-size",
    pipeline_parallel="--pipeline-parallel-size",
    data_parallel="--data-parallel-size",
    nodes="--nnodes",
    node_rank="--node-rank",
    block_size="--page-size",
    dtype="--dtype",
    kv_cache_dtype="--kv-cache-dtype",
    kv_transfer="--disaggregation-mode",
    transfer_backend="--disaggregation-transfer-backend",
    bootstrap_port="--disaggregation-bootstrap-port",
    kv_events="--kv-events-config",
    api_key="--api-key",
    certificate="--ssl-certfile",
    certificate_key="--ssl-keyfile",
    metrics="--enable-metrics",
    max_length="--context-length",
    max_requests="--max-running-requests",
    remote_code="--trust-remote-code",
)

CONNECTORS = (
    # The router and the sidecar name the bootstrap server and a room in each request, whatever
    # the backend is. A decode server refuses a request without them: it cannot prefill.
    KvConnector("mooncake", "sglang", evidence="seen run"),
    KvConnector(
        "mooncake_tcp", "sglang", pairs_with=("mooncake",), since="0.5.13", evidence="seen run"
    ),
    KvConnector("nixl", "sglang"),
    KvConnector("ascend", "sglang"),
    KvConnector("mori", "sglang", since="0.5.9"),
    KvConnector("fake", "sglang", since="0.5.4"),
)


def sockets(invocation: Invocation) -> list[Socket]:
    """Where SGLang listens."""
    return list(_sockets(invocation))


def _sockets(given: Invocation) -> Iterator[Socket]:
    # Followers of a gang serve /health alone, on the same port.
    yield http_socket(given, SERVER.host, SERVER.port or 0)
    if given.text("--disaggregation-mode") == "prefill":
        said = given.use("--disaggregation-bootstrap-port")
        host = given.text("--host")
        yield Socket(
            "bootstrap",
            SERVER.host if host is None else readable(host),
            given.number("--disaggregation-bootstrap-port") if said else DEFAULT_BOOTSTRAP_PORT,
            given_by="--disaggregation-bootstrap-port",
            is_default=said is None,
        )
    if (address := given.text("--dist-init-addr", "--nccl-init-addr")) is not None:
        host, _, port = address.rpartition(":")
        yield Socket(
            "torch rendezvous",
            readable(host),
            int(port) if port.isdigit() else None,
            given_by="--dist-init-addr",
            is_default=False,
            leader_only=True,
        )
    events = given.json("--kv-events-config")
    if events and events.get("publisher") != "null":
        for purpose, key, default in (
            ("KV events", "endpoint", "tcp://*:5557"),
            ("KV event replay", "replay_endpoint", None),
        ):
            bound = endpoint_socket(events.get(key) or default)
            if bound is not None:
                yield Socket(
                    purpose,  # type: ignore[arg-type]
                    bound[0],
                    bound[1],
                    by_rank=1,
                    given_by=key,
                    is_default=not events.get(key),
                )


def ranks(given: Invocation) -> Ranks | None:
    """How SGLang divides its ranks over pods: ``ServerArgs.check_server_args``.

    Data-parallel ranks are among the tensor-parallel ones where attention is data parallel, and
    more of them where it is not: models of some kinds turn that on by themselves, so that only
    tensor and pipeline parallelism are sure.
    """
    tensor, stages, nodes = (
        given.count(name)
        for name in ("--tensor-parallel-size", "--pipeline-parallel-size", "--nnodes")
    )
    if tensor is None or stages is None or nodes is None:
        return None
    if given.on("--use-ray"):
        return Ranks(tensor * stages, 1, None, by="ray")
    return divided(tensor * stages, nodes, ("--dist-init-addr",))


SERVER = Server(
    name="sglang",
    title="SGLang",
    programs=(Program("sglang", frozenset({"serve"})),),
    modules=(
        Program("sglang.launch_server"),
        Program("sglang.cli.main", frozenset({"serve"})),
    ),
    images=("sglang",),
    release_images=("sglang",),
    images_start_it=False,  # docker/Dockerfile has no entrypoint.
    telling_flags=("--disaggregation-mode", "--disaggregation-transfer-backend"),
    flag_file="sglang",
    grammar=Grammar(),
    names=_FLAGS,
    host="127.0.0.1",
    port=30000,
    block_tokens=1,
    http_paths=(
        "/health",
        "/health_generate",
        "/v1/models",
        "/metrics",
        "/get_model_info",
        "/model_info",
        "/ping",
        "/ready",
        "/server_info",
        "/get_server_info",
    ),
    metrics=Metrics(
        prefix="sglang:",
        waiting="sglang:num_queue_reqs",
        running="sglang:num_running_reqs",
        cache_usage="sglang:token_usage",
    ),
    connectors=CONNECTORS,
    sockets_of=sockets,
    ranks_of=ranks,
    directories=(
        Directory("~/.cache/huggingface", ("HF_HOME",), "models"),
        Directory("~/.triton", ("TRITON_CACHE_DIR", "TRITON_HOME"), "compiled kernels"),
        Directory("~/.cache/flashinfer", ("FLASHINFER_WORKSPACE_BASE",), "compiled kernels"),
        Directory("/tmp", ("TMPDIR",), "sockets between processes"),
    ),
    shared_memory=True,
    secret_flags=("--api-key", "--admin-api-key"),
    group_flags=("--dist-init-addr",),
    handshake_flags=("--dtype", "--kv-cache-dtype"),
    model_flags=("--quantization", "--revision"),
    gang_flags=(
        "--tensor-parallel-size",
        "--pipeline-parallel-size",
        "--data-parallel-size",
        "--nnodes",
        "--dist-init-addr",
        "--dtype",
        "--kv-cache-dtype",
        "--page-size",
        "--quantization",
        "--context-length",
    ),
    engine_label="sglang",
)
