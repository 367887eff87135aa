"""Where SGLang listens."""

from __future__ import annotations

from cdk8s_inference.servers import SGLANG, Invocation, Ranks, Socket, flags_given

HTTP = Socket("HTTP", "127.0.0.1", 30000, given_by="--port")


def sockets(*args: str) -> dict[str, Socket]:
    command = ["python3", "-m", "sglang.launch_server"]
    given = Invocation(SGLANG, "0.5.9", flags_given(command, args))
    return {socket.purpose: socket for socket in SGLANG.sockets(given)}


def test_it_is_reached_by_its_own_pod_alone_by_default() -> None:
    assert sockets() == {"HTTP": HTTP}
    assert HTTP.is_local
    assert sockets("--host=0.0.0.0")["HTTP"].is_open


def test_a_prefill_server_has_a_bootstrap_server() -> None:
    found = sockets("--disaggregation-mode", "prefill", "--host", "0.0.0.0")["bootstrap"]
    assert (found.port, found.is_open) == (8998, True)
    assert "bootstrap" not in sockets("--disaggregation-mode=decode")


def test_what_pods_of_a_gang_meet_at() -> None:
    found = sockets("--dist-init-addr=$(LEADER):20000")["torch rendezvous"]
    assert (found.address, found.port) == (None, 20000)
    assert sockets("--nccl-init-addr=a:b")["torch rendezvous"].port is None


def test_events() -> None:
    found = sockets('--kv-events-config={"publisher":"zmq","endpoint":"tcp://*:5600"}')
    assert found["KV events"].ports(2) == (5600, 5601)


def test_its_ranks_are_in_one_pod_unless_nodes_are_given() -> None:
    def ranks(*args: str) -> Ranks | None:
        command = ["python3", "-m", "sglang.launch_server"]
        return SGLANG.ranks(Invocation(SGLANG, "0.5.23", flags_given(command, args)))

    assert ranks("--tp-size=16") == Ranks(16, 1, 16)
    assert ranks("--tp-size=8", "--pp-size=2", "--nnodes=2") == Ranks(
        16, 2, 8, rendezvous=("--dist-init-addr",)
    )
    assert ranks("--tp-size=16", "--use-ray") == Ranks(16, 1, None, by="ray")
    assert ranks("--tp-size=$(GPUS)") is None
