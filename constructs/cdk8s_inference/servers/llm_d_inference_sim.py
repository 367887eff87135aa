"""llm-d-inference-sim: behaves as vLLM without a model.

Seen run, v0.10.2; read, v0.8.2, v0.9.2 and v0.10.2. It ends on a flag that it does not know, which
``--kv-transfer-config`` is: it always does what a request asks of prefill and decode.
"""

from __future__ import annotations

from cdk8s_inference.servers import vllm
from cdk8s_inference.servers.flags import Grammar
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.release import ByRelease
from cdk8s_inference.servers.server import (
    FlagNames,
    Metrics,
    Program,
    Server,
    endpoint_socket,
    http_socket,
)
from cdk8s_inference.servers.socket import Socket

PATH = "/app/llm-d-inference-sim"
"""Where its images have it."""

DUMMY_TOKENIZER = ByRelease[str | None](None, (("0.9.2", "--force-dummy-tokenizer"),))
"""What has it count tokens by itself. Otherwise it asks Hugging Face whether the model is a real
one, and then wants a tokenizer beside it."""

NO_MODEL = "simulated"
"""The name of no real model: for releases that have no such flag, and where no name is known."""

BLOCK_SIZES = (8, 16, 32, 64, 128)
"""Values of ``--block-size``; with another it ends."""

MOST_TOKENS = 131072
"""What is given as ``--max-model-len`` where the engine has none: its own default is 1024, and it
refuses longer requests."""

MOST_REQUESTS = 256
"""What is given as ``--max-num-seqs`` where the engine has none: its own default is 5."""


def sockets(invocation: Invocation) -> list[Socket]:
    """Where the simulator listens: one port for each rank."""
    found = [http_socket(invocation, SERVER.host, SERVER.port or 0, by_rank=1)]
    # It connects to --zmq-endpoint, as a subscriber is expected to bind.
    replay = endpoint_socket(invocation.text("--kv-events-replay-endpoint"))
    if replay is not None:
        found.append(
            Socket(
                "KV event replay",
                replay[0],
                replay[1],
                given_by="--kv-events-replay-endpoint",
                is_default=False,
            )
        )
    return found


SERVER = Server(
    name="llm-d-inference-sim",
    title="llm-d-inference-sim",
    programs=(Program("llm-d-inference-sim"),),
    images=("llm-d-inference-sim",),
    release_images=("llm-d-inference-sim",),
    grammar=Grammar(prefixes=False),
    names=FlagNames(
        port="--port",
        model="--model",
        served_model="--served-model-name",
        config_file="--config",
        tensor_parallel="--tensor-parallel-size",
        data_parallel="--data-parallel-size",
        block_size="--block-size",
        kv_transfer="--kv-transfer-config",
        kv_events="--zmq-endpoint",
        certificate="--ssl-certfile",
        certificate_key="--ssl-keyfile",
        max_length="--max-model-len",
        max_requests="--max-num-seqs",
    ),
    host="0.0.0.0",
    port=8000,
    block_tokens=16,
    http_paths=vllm.SERVER.http_paths,
    metrics=Metrics(
        prefix="vllm:",
        waiting="vllm:num_requests_waiting",
        running="vllm:num_requests_running",
        cache_usage="vllm:kv_cache_usage_perc",
    ),
    connectors=vllm.CONNECTORS,
    sockets_of=sockets,
    handshake_flags=vllm.SERVER.handshake_flags,
    model_flags=vllm.SERVER.model_flags,
    handshake_variables=vllm.SERVER.handshake_variables,
    gang_flags=vllm.SERVER.gang_flags,
    engine_label="vllm",
    behaves_as="vllm",
)
