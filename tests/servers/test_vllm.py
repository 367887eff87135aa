"""Where vLLM listens, and what it is told of handing its cache over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk8s_inference.servers import VLLM, Invocation, Socket, flags_given
from cdk8s_inference.servers.vllm import kv_transfer


def given(*args: str, release: str = "0.33.0", **env: str | None) -> Invocation:
    return Invocation(VLLM, release, flags_given(["vllm", "serve", "m"], args), env)


def sockets(*args: str, release: str = "0.33.0", **env: str | None) -> dict[str, Socket]:
    found = VLLM.sockets(given(*args, release=release, **env))
    assert len({each.purpose for each in found}) == len(found)
    return {each.purpose: each for each in found}


def transfer(connector: str, role: str = "kv_both", **extra: Any) -> str:
    config = {"kv_connector": connector, "kv_role": role, "kv_connector_extra_config": extra}
    return f"--kv-transfer-config={json.dumps(config)}"


def test_its_defaults() -> None:
    assert list(sockets().values()) == [Socket("HTTP", "0.0.0.0", 8000, given_by="--port")]


def test_host_and_port() -> None:
    found = sockets("--host=127.0.0.1", "--port=81")["HTTP"]
    assert (found.address, found.port, found.is_local, found.is_default) == (
        "127.0.0.1",
        81,
        True,
        False,
    )
    unread = sockets("--host=$(POD_IP)", "--port=$(PORT)")["HTTP"]
    assert (unread.address, unread.port) == (None, None)


def test_a_headless_pod_takes_no_requests() -> None:
    assert "HTTP" not in sockets("--headless")


def test_ranks_with_a_port_each() -> None:
    ranks = ["--data-parallel-size=16", "--data-parallel-size-local=8"]
    found = sockets("--data-parallel-multi-port-external-lb", "--port=8200", *ranks)
    assert found["HTTP"].ports(8, 8) == tuple(range(8200, 8208))
    supervisor = found["data-parallel supervisor"]
    assert (supervisor.port, supervisor.ports(8, 8)) == (9256, (9256,))
    said = sockets("-dpm", *ranks, "--data-parallel-supervisor-port=8208")
    assert said["data-parallel supervisor"].port == 8208


@pytest.mark.parametrize(
    ("release", "args", "ports"),
    [
        ("0.33.0", [], (5604, 5605)),
        ("0.11.0", [], (5561, 5562)),
        ("0.11.0", ["-tp=2"], (5565, 5566, 5567, 5568)),
        ("0.33.0", ["-tp=2"], (5604, 5605)),
    ],
)
def test_nixl_side_channel(release: str, args: list[str], ports: tuple[int, ...]) -> None:
    found = sockets(transfer("NixlConnector"), *args, release=release)["NIXL side channel"]
    assert found.ports(2, start_rank=4) == ports
    assert found.is_local


def test_nixl_side_channel_by_variables() -> None:
    config = transfer("MultiConnector", connectors=[{"kv_connector": "NixlConnector"}])
    channel = sockets(config, VLLM_NIXL_SIDE_CHANNEL_HOST=None, VLLM_NIXL_SIDE_CHANNEL_PORT="7000")[
        "NIXL side channel"
    ]
    assert (channel.address, channel.port, channel.is_default) == (None, 7000, False)


def test_kv_events() -> None:
    config = {
        "enable_kv_cache_events": True,
        "endpoint": "tcp://*:5556",
        "replay_endpoint": "tcp://*:5566",
    }
    found = sockets(f"--kv-events-config={json.dumps(config)}")
    assert found["KV events"].ports(2, 8) == (5564, 5565)
    assert found["KV event replay"].ports(2, 8) == (5574, 5575)
    default = sockets('--kv-events-config={"enable_kv_cache_events": true}')["KV events"]
    assert (default.port, default.is_default) == (5557, True)


@pytest.mark.parametrize(
    "config",
    [
        {"enable_kv_cache_events": False},
        {"enable_kv_cache_events": True, "publisher": "null"},
        {"enable_kv_cache_events": True, "endpoint": "tcp://picker:5557"},
        {"enable_kv_cache_events": True, "endpoint": "ipc:///tmp/events"},
    ],
)
def test_events_that_are_not_listened_for(config: dict[str, Any]) -> None:
    assert "KV events" not in sockets(f"--kv-events-config={json.dumps(config)}")


def test_other_transports() -> None:
    assert sockets(transfer("MooncakeConnector", "kv_producer"))["bootstrap"].port == 8998
    assert "bootstrap" not in sockets(transfer("MooncakeConnector", "kv_consumer"))
    tpu = sockets(transfer("TPUConnector"), TPU_KV_TRANSFER_PORT="8100")
    assert (tpu["TPU KV transfer"].port, tpu["TPU side channel"].port) == (8100, 9600)
    moriio = sockets(transfer("MoRIIOConnector", handshake_port=6301, notify_port="6105"))
    assert (moriio["MoRIIO handshake"].port, moriio["MoRIIO notify"].port) == (6301, 6105)
    tier = sockets(transfer("OffloadingConnector", secondary_tiers=[{"type": "p2p"}]))["P2P tier"]
    assert (tier.address, tier.ports(2, 2)) == ("localhost", (5712, 5713))
    assert "P2P tier" not in sockets(transfer("OffloadingConnector"))
    encoder = sockets('--ec-transfer-config={"ec_role":"ec_producer"}')["encoder side channel"]
    assert encoder.port == 5601


def test_what_pods_of_a_gang_meet_at() -> None:
    ranks = ["--data-parallel-size=16", "--data-parallel-size-local=8"]
    rpc = sockets(*ranks, "--data-parallel-address=leader")["data-parallel RPC"]
    assert (rpc.address, rpc.port, rpc.leader_only) == ("leader", 29550, True)
    assert sockets(*ranks, "-dpp=5555")["data-parallel RPC"].port == 5555
    assert "data-parallel RPC" not in sockets("--data-parallel-size=8")
    meeting = sockets("--nnodes=2", "--master-addr=leader")["torch rendezvous"]
    assert (meeting.address, meeting.port) == ("leader", 29501)


def test_kv_transfer() -> None:
    found = kv_transfer(given(transfer("NixlConnector", "kv_producer", backends=["UCX"])))
    assert found is not None
    assert (found.connector, found.role, found.extra) == (
        "NixlConnector",
        "kv_producer",
        {"backends": ["UCX"]},
    )
    assert kv_transfer(given()) is None


def test_where_it_writes() -> None:
    written = {
        directory.path: path
        for directory, path in VLLM.home({"HF_HOME": "/models", "TMPDIR": None})
    }
    assert written["~/.cache/huggingface"] == "/models"
    assert written["/tmp"] is None
    assert written["~/.cache/vllm"] == "~/.cache/vllm"


@pytest.mark.parametrize(
    ("args", "in_pod", "pods"),
    [
        ("-tp 8 -pp 2", 16, 1),
        ("-tp 8 -pp 2 --nnodes 2", 8, 2),
        ("-tp 8 --nnodes 3", None, 3),
        ("-dp 16 -dpl 8", 8, 1),
        ("-dp 16", 16, 1),
        ("-dp 4 -tp 4 --nnodes 2", 8, 2),
        ("-dp 16 --data-parallel-rank=$(RANK)", 1, 1),
        ("-tp 2 -pcp 2", 4, 1),
    ],
)
def test_its_ranks_are_in_one_pod_unless_nodes_are_given(
    args: str, in_pod: int | None, pods: int
) -> None:
    ranks = VLLM.ranks(given(*args.split()))
    assert ranks is not None
    assert (ranks.in_pod, ranks.pods, ranks.by) == (in_pod, pods, "server")


def test_ranks_that_another_program_spreads() -> None:
    for flag in ("--distributed-executor-backend=ray", "--data-parallel-backend=ray"):
        ranks = VLLM.ranks(given("-tp=16", flag))
        assert ranks is not None
        assert (ranks.total, ranks.in_pod, ranks.by) == (16, None, "ray")
    assert VLLM.ranks(given("--distributed-executor-backend=external_launcher")) is None
    assert VLLM.ranks(given("-tp=$(GPUS)")) is None


@pytest.mark.parametrize(
    ("args", "flags"),
    [
        ("-tp 16", ()),
        ("-tp 16 --nnodes 2", ("--master-addr",)),
        ("-dp 16 -dpl 8", ("--data-parallel-address", "--master-addr")),
        ("-dp 16 --data-parallel-rank 3", ()),
    ],
)
def test_what_names_the_first_pod(args: str, flags: tuple[str, ...]) -> None:
    ranks = VLLM.ranks(given(*args.split()))
    assert ranks is not None
    assert ranks.rendezvous == flags
