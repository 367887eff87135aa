"""vLLM.

Read in its source, releases 0.10.2 to 0.33.0; where a fact says "seen run", with 0.31.0 and 0.32.0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from cdk8s_inference.servers.flags import Grammar
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.kv_connector import KvConnector, KvTransfer
from cdk8s_inference.servers.ranks import Ranks, divided
from cdk8s_inference.servers.release import ByRelease
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

SIDE_CHANNEL_HOST = "VLLM_NIXL_SIDE_CHANNEL_HOST"
SIDE_CHANNEL_PORT = "VLLM_NIXL_SIDE_CHANNEL_PORT"
BOOTSTRAP_PORT = "VLLM_MOONCAKE_BOOTSTRAP_PORT"
API_KEY = "VLLM_API_KEY"
ATTENTION_BACKEND = "VLLM_ATTENTION_BACKEND"
KEEP_ALIVE_SECONDS = "VLLM_HTTP_TIMEOUT_KEEP_ALIVE"
PORT_VARIABLE = "VLLM_PORT"
"""Where free ports are looked for. A Service named ``vllm`` sets it to a URL, by service links:
the engine does not start (vllm-project/vllm#34199)."""

DEFAULT_SIDE_CHANNEL_PORT = ByRelease(5557, (("0.12.0", 5600),))
DEFAULT_FAILURE_POLICY = ByRelease("recompute", (("0.17.0", "fail"),))
DEFAULT_BOOTSTRAP_PORT = 8998
DEFAULT_EVENTS = "tcp://*:5557"
DEFAULT_RPC_PORT = 29550

_FLAGS = FlagNames(
    host="--host",
    port="--port",
    model="--model",
    served_model="--served-model-name",
    config_file="--config",
    tensor_parallel="--tensor-parallel-size",
    pipeline_parallel="--pipeline-parallel-size",
    data_parallel="--data-parallel-size",
    local_ranks="--data-parallel-size-local",
    start_rank="--data-parallel-start-rank",
    nodes="--nnodes",
    node_rank="--node-rank",
    headless="--headless",
    ranks_port_each="--data-parallel-multi-port-external-lb",
    every_pod_serves=("--data-parallel-hybrid-lb", "--data-parallel-external-lb"),
    supervisor_port="--data-parallel-supervisor-port",
    block_size="--block-size",
    dtype="--dtype",
    kv_cache_dtype="--kv-cache-dtype",
    kv_transfer="--kv-transfer-config",
    kv_events="--kv-events-config",
    drain="--shutdown-timeout",
    api_key="--api-key",
    certificate="--ssl-certfile",
    certificate_key="--ssl-keyfile",
    max_length="--max-model-len",
    max_requests="--max-num-seqs",
    remote_code="--trust-remote-code",
)

_NIXL = ("NixlConnector", "NixlPullConnector")

CONNECTORS = (
    # NIXL: each side does what the request asks, whatever its role (seen run). NixlConnector is
    # NixlPullConnector under its older name, and works with it; a push does not (seen run).
    KvConnector("NixlConnector", "nixlv2", _NIXL, ignores_role=True, evidence="seen run"),
    KvConnector(
        "NixlPullConnector", "nixlv2", _NIXL, ignores_role=True, since="0.24.0", evidence="seen run"
    ),
    KvConnector(
        "NixlPushConnector", "nixlv2", ignores_role=True, since="0.24.0", evidence="seen run"
    ),
    # Of the plugin tpu-inference. It returns nixlv2's parameters, and asks only whether it is a
    # producer: with kv_both on decode nothing is ever fetched, without a message.
    KvConnector("TPUConnector", "nixlv2", both_produces_only=True, external=True),
    KvConnector("TPUConnectorHMA", "nixlv2", both_produces_only=True, external=True),
    KvConnector("MooncakeConnector", "mooncake", since="0.13.0"),
    KvConnector("MoRIIOConnector", "moriio", since="0.14.0"),
    # Caches that both sides read and write: nothing is handed over by request.
    KvConnector("SharedStorageConnector", "shared-storage", until="0.13.0", evidence="seen run"),
    KvConnector("ExampleConnector", "shared-storage", since="0.13.0", evidence="seen run"),
    KvConnector("ExampleHiddenStatesConnector", None, since="0.17.0"),
    KvConnector("LMCacheConnectorV1", None, ("LMCacheMPConnector",)),
    KvConnector("LMCacheMPConnector", None, since="0.12.0"),
    KvConnector("MooncakeStoreConnector", None, since="0.21.0"),
    KvConnector("FlexKVConnectorV1", None, since="0.18.0"),
    KvConnector("HF3FSKVConnector", None, since="0.20.0"),
    KvConnector("HiSparseConnector", None, since="0.30.0"),
    KvConnector("SimpleCPUOffloadConnector", None, since="0.19.0"),
    KvConnector("DecodeBenchConnector", None, since="0.12.0"),
    # Its P2P tier answers the sidecar's connector of the same name, in releases that have one.
    KvConnector("OffloadingConnector", "offloading", since="0.11.0"),
    KvConnector("TPUOffloadConnector", None, external=True),
    KvConnector("P2pNcclConnector", None, until="0.24.0"),
    KvConnector("MultiConnector", None, wraps=True),
)

P2P_TIER_SINCE = "0.26.0"
"""The first release whose OffloadingConnector fetches from other engines."""


def kv_transfer(invocation: Invocation) -> KvTransfer | None:
    """What ``--kv-transfer-config`` says; None where it is not given, unread, or no object."""
    written = invocation.json("--kv-transfer-config")
    return None if written is None else KvTransfer.of(written)


def sockets(invocation: Invocation) -> list[Socket]:
    """Where vLLM listens."""
    return list(_sockets(invocation))


def _sockets(given: Invocation) -> Iterator[Socket]:
    multi_port = given.on("--data-parallel-multi-port-external-lb")
    if not given.on("--headless"):
        # vLLM itself adds only a rank's place in the pod to --port.
        yield http_socket(given, SERVER.host, SERVER.port or 0, by_rank=1 if multi_port else 0)
    if (grpc := given.use("--grpc-port")) is not None:
        yield Socket(
            "gRPC",
            _host(given),
            given.number("--grpc-port"),
            given_by=grpc.name,
            is_default=False,
        )
    if multi_port:
        said = given.use("--data-parallel-supervisor-port")
        yield Socket(
            "data-parallel supervisor",
            _host(given),
            given.number("--data-parallel-supervisor-port"),
            given_by="--data-parallel-supervisor-port",
            is_default=said is None,
        )
    yield from _transfer_sockets(given)
    yield from _event_sockets(given)
    yield from _group_sockets(given)


def _host(given: Invocation) -> str | None:
    said = given.text("--host")
    return SERVER.host if said is None else readable(said)


def _transfer_sockets(given: Invocation) -> Iterator[Socket]:
    transfer = kv_transfer(given)
    for part in transfer.parts if transfer else ():
        name = part.connector
        if name.startswith("Nixl"):
            yield _nixl(given)
        elif name == "MooncakeConnector" and part.role != "kv_consumer":
            yield _from_env(
                given,
                "bootstrap",
                "0.0.0.0",
                BOOTSTRAP_PORT,
                DEFAULT_BOOTSTRAP_PORT,
            )
        elif name.startswith("TPU"):
            yield _from_env(given, "TPU KV transfer", "0.0.0.0", "TPU_KV_TRANSFER_PORT", 9100)
            yield _from_env(given, "TPU side channel", "0.0.0.0", "TPU_SIDE_CHANNEL_PORT", 9600)
        elif name == "MoRIIOConnector":
            yield from _moriio(part)
        elif name == "OffloadingConnector":
            yield from _p2p_tier(given, part)
    encoder = given.json("--ec-transfer-config")
    if encoder is not None and encoder.get("ec_role") != "ec_consumer":
        yield _from_env(
            given,
            "encoder side channel",
            given.variable("VLLM_EC_SIDE_CHANNEL_HOST", "localhost"),
            "VLLM_EC_SIDE_CHANNEL_PORT",
            5601,
        )


def _nixl(given: Invocation) -> Socket:
    """The side channel, on which the other side asks for what NIXL needs.

    Each data-parallel rank has one, counted over all pods. Before 0.12.0 each tensor-parallel rank
    had one of its own.
    """
    default = DEFAULT_SIDE_CHANNEL_PORT.at(given.release)
    per_worker = ByRelease(True, (("0.12.0", False),)).at(given.release)
    width = (given.number("--tensor-parallel-size") or 1) if per_worker else 1
    return Socket(
        "NIXL side channel",
        readable(given.variable(SIDE_CHANNEL_HOST, "localhost")),
        given.variable_number(SIDE_CHANNEL_PORT, default),
        by_rank=width,
        by_start_rank=True,
        width=width,
        given_by=SIDE_CHANNEL_PORT,
        is_default=SIDE_CHANNEL_PORT not in given.env,
    )


def _from_env(
    given: Invocation, purpose: str, address: str | None, variable: str, default: int
) -> Socket:
    return Socket(
        purpose,  # type: ignore[arg-type]
        readable(address),
        given.variable_number(variable, default),
        given_by=variable,
        is_default=variable not in given.env,
    )


def _moriio(part: KvTransfer) -> Iterator[Socket]:
    for purpose, key in (("MoRIIO handshake", "handshake_port"), ("MoRIIO notify", "notify_port")):
        port = part.extra.get(key)
        if port is not None:
            number = int(port) if str(port).isdigit() else None
            yield Socket(purpose, None, number, given_by=key, is_default=False)  # type: ignore[arg-type]


def _p2p_tier(given: Invocation, part: KvTransfer) -> Iterator[Socket]:
    tiers = part.extra.get("secondary_tiers")
    for tier in tiers if isinstance(tiers, list) else ():
        if not isinstance(tier, dict) or tier.get("type") != "p2p":
            continue
        port = tier.get("port")
        host = tier.get("host")
        default = given.variable_number("VLLM_P2P_SIDE_CHANNEL_PORT", 5710)
        yield Socket(
            "P2P tier",
            readable(
                str(host) if host else given.variable("VLLM_P2P_SIDE_CHANNEL_HOST", "localhost")
            ),
            default if port is None else (int(port) if str(port).isdigit() else None),
            by_rank=1,
            by_start_rank=True,
            given_by="VLLM_P2P_SIDE_CHANNEL_PORT" if port is None else "port",
            is_default=port is None and "VLLM_P2P_SIDE_CHANNEL_PORT" not in given.env,
        )


def _event_sockets(given: Invocation) -> Iterator[Socket]:
    """KV events. An endpoint with an address of its own is one that vLLM connects to instead."""
    events = given.json("--kv-events-config")
    if not events or events.get("publisher") == "null" or not events.get("enable_kv_cache_events"):
        return
    endpoint = str(events.get("endpoint") or DEFAULT_EVENTS)
    bound = endpoint_socket(endpoint)
    if bound is not None and ("*" in endpoint or "::" in endpoint or bound[1] is None):
        yield Socket(
            "KV events",
            bound[0],
            bound[1],
            by_rank=1,
            by_start_rank=True,
            given_by="endpoint",
            is_default=not events.get("endpoint"),
        )
    replay = endpoint_socket(events.get("replay_endpoint"))
    if replay is not None:
        yield Socket(
            "KV event replay",
            replay[0],
            replay[1],
            by_rank=1,
            by_start_rank=True,
            given_by="replay_endpoint",
            is_default=False,
        )


def _group_sockets(given: Invocation) -> Iterator[Socket]:
    """What the pods of a gang find each other by: on its first pod alone."""
    alone = given.number("--data-parallel-size") in (None, 1)
    if not alone and not multi_process_on_one_pod(given):
        said = given.use("--data-parallel-rpc-port")
        yield Socket(
            "data-parallel RPC",
            readable(given.text("--data-parallel-address") or "127.0.0.1"),
            given.number("--data-parallel-rpc-port") if said else DEFAULT_RPC_PORT,
            given_by="--data-parallel-rpc-port",
            is_default=said is None,
            leader_only=True,
        )
    if (given.number("--nnodes") or 1) > 1:
        said = given.use("--master-port")
        yield Socket(
            "torch rendezvous",
            readable(given.text("--master-addr") or "127.0.0.1"),
            given.number("--master-port"),
            given_by="--master-port",
            is_default=said is None,
            leader_only=True,
        )


RAY_FALLBACK_UNTIL = "0.12.0"
"""Releases before it turn to Ray where the ranks exceed the pod's devices and no flag says how to
spread them (vllm-project/vllm#25775, #29447). Later ones exit: "World size (16) is larger than
the number of available GPUs (8) in this node"."""


def ranks(given: Invocation) -> Ranks | None:
    """How vLLM divides its ranks over pods: ``ParallelConfig`` and ``EngineArgs``.

    Each data-parallel rank has tensor x pipeline x prefill-context ranks of its own.
    """
    backend = given.text("--distributed-executor-backend") or "mp"
    counts = [
        given.count(name)
        for name in (
            "--tensor-parallel-size",
            "--pipeline-parallel-size",
            "--prefill-context-parallel-size",
        )
    ]
    groups, local, nodes = (
        given.count(name)
        for name in ("--data-parallel-size", "--data-parallel-size-local", "--nnodes")
    )
    if backend not in ("mp", "uni", "ray") or None in (*counts, groups, local, nodes):
        return None
    assert groups is not None
    assert local is not None
    assert nodes is not None
    each = math.prod(count for count in counts if count is not None)
    if backend == "ray" or given.text("--data-parallel-backend") == "ray":
        return Ranks(each * groups, 1, None, by="ray")
    if nodes > 1:
        return divided(each * groups, nodes, ("--master-addr",))
    if given.use("--data-parallel-rank") or given.on("--data-parallel-external-lb"):
        # Ranks of a model without experts need not meet, and flags do not say which it is.
        return Ranks(each * groups, 1, each)
    if given.use("--data-parallel-size-local") is None:
        local = groups
    met = ("--data-parallel-address", "--master-addr") if local < groups else ()
    return Ranks(each * groups, 1, each * local, rendezvous=met)


def multi_process_on_one_pod(given: Invocation) -> bool:
    """Whether all data-parallel ranks are said to be in one pod: they talk over local sockets."""
    spread = ("--data-parallel-address", "--data-parallel-rpc-port", "--data-parallel-start-rank")
    if any(given.use(name) is not None for name in spread):
        return False
    ranks, local = given.number("--data-parallel-size"), given.number("--data-parallel-size-local")
    return given.use("--data-parallel-size-local") is None or ranks == local


SERVER = Server(
    name="vllm",
    title="vLLM",
    programs=(Program("vllm", frozenset({"serve"})), Program("vllm-rs", frozenset({"serve"}))),
    modules=(
        Program("vllm.entrypoints.openai.api_server"),
        Program("vllm.entrypoints.launchers.api_server.entry"),
        Program("vllm.entrypoints.api_server"),
        Program("vllm.entrypoints.cli.main", frozenset({"serve"})),
    ),
    images=("vllm", "llm-d-aws", "llm-d-cpu", "llm-d-cuda", "llm-d-hpu", "llm-d-rocm", "llm-d-xpu"),
    release_images=("vllm-openai", "vllm-openai-cpu", "vllm-openai-rocm", "vllm-tpu"),
    # Before, the entrypoint was `python3 -m vllm.entrypoints.openai.api_server`.
    model_argument=ByRelease(False, (("0.11.1", True),)),
    telling_flags=("--kv-transfer-config",),
    flag_file="vllm",
    # --disable-x beside --enable-x came with 0.33.0's own action for switches.
    grammar=Grammar(underscores=True, fields=True, pairs_since="0.33.0"),
    names=_FLAGS,
    host="0.0.0.0",
    port=8000,
    block_tokens=16,
    http_paths=(
        "/health",
        "/ping",
        "/v1/models",
        "/metrics",
        "/load",
        "/version",
        "/readyz",
        "/ready",
    ),
    metrics=Metrics(
        prefix="vllm:",
        waiting="vllm:num_requests_waiting",
        running="vllm:num_requests_running",
        cache_usage="vllm:kv_cache_usage_perc",
    ),
    connectors=CONNECTORS,
    sockets_of=sockets,
    ranks_of=ranks,
    directories=(
        Directory("~/.cache/vllm", ("VLLM_CACHE_ROOT",), "compiled graphs and downloaded files"),
        Directory("~/.config/vllm", ("VLLM_CONFIG_ROOT", "XDG_CONFIG_HOME"), "usage statistics"),
        Directory("~/.cache/huggingface", ("HF_HOME",), "models"),
        Directory("~/.triton", ("TRITON_CACHE_DIR", "TRITON_HOME"), "compiled kernels"),
        Directory("~/.cache/flashinfer", ("FLASHINFER_WORKSPACE_BASE",), "compiled kernels"),
        Directory("/tmp", ("TMPDIR",), "sockets between processes"),
    ),
    shared_memory=True,
    secret_flags=("--hf-token", "--api-key"),
    group_flags=("--distributed-executor-backend",),
    handshake_flags=(
        "--dtype",
        "--kv-cache-dtype",
        "--disable-hybrid-kv-cache-manager",
        "--attention-backend",
        "--speculative-config",
    ),
    model_flags=("--quantization", "--hf-overrides", "--revision"),
    handshake_variables=(ATTENTION_BACKEND,),
    gang_flags=(
        "--tensor-parallel-size",
        "--pipeline-parallel-size",
        "--data-parallel-size",
        "--data-parallel-size-local",
        "--data-parallel-hybrid-lb",
        "--data-parallel-address",
        "--data-parallel-rpc-port",
        "--enable-expert-parallel",
        "--nnodes",
        "--master-addr",
        "--master-port",
        "--dtype",
        "--kv-cache-dtype",
        "--block-size",
        "--quantization",
        "--max-model-len",
    ),
    engine_label="vllm",
)
