"""TensorRT-LLM's ``trtllm-serve``. Read in its source and documentation."""

from __future__ import annotations

from cdk8s_inference.servers.flags import Grammar
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.server import (
    Directory,
    FlagNames,
    Metrics,
    Program,
    Server,
    http_socket,
)
from cdk8s_inference.servers.socket import Socket


def sockets(invocation: Invocation) -> list[Socket]:
    """Where TensorRT-LLM listens."""
    return [http_socket(invocation, SERVER.host, SERVER.port or 0)]


SERVER = Server(
    name="trtllm",
    title="TensorRT-LLM",
    # `disaggregated` routes between servers, and `disaggregated_mpi_worker` has no HTTP.
    programs=(Program("trtllm-serve"), Program("trtllm-llmapi-launch")),
    images=("tensorrt-llm", "tensorrtllm", "trtllm"),
    grammar=Grammar(underscores=True, prefixes=False),
    names=FlagNames(
        host="--host",
        port="--port",
        config_file="--extra-llm-api-options",
        tensor_parallel="--tp-size",
        pipeline_parallel="--pp-size",
        max_length="--max-seq-len",
        remote_code="--trust-remote-code",
    ),
    host="localhost",
    port=8000,
    block_tokens=32,
    http_paths=(
        "/health",
        "/health_generate",
        "/v1/models",
        "/metrics",
        "/prometheus/metrics",
        "/version",
        "/server_info",
        "/kv_cache_events",
    ),
    metrics=Metrics(path="/prometheus/metrics", prefix="trtllm_"),
    sockets_of=sockets,
    directories=(
        Directory("~/.cache/huggingface", ("HF_HOME",), "models"),
        Directory("/tmp", ("TMPDIR",), "sockets between processes"),
    ),
    shared_memory=True,
    engine_label="trtllm-serve",
)
