"""The ports that a socket takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cdk8s_inference.servers import Socket
from cdk8s_inference.servers.server import endpoint_socket


def test_ports() -> None:
    assert Socket("HTTP", "", None).ports(4) == ()
    assert Socket("HTTP", "", 8000).ports(4, 4) == (8000,)
    assert Socket("HTTP", "", 8000, by_rank=1).ports(2, 4) == (8000, 8001)
    assert Socket("P2P tier", "", 8000, by_rank=1, by_start_rank=True).ports(2, 4) == (8004, 8005)
    assert Socket("HTTP", "", 65535, by_rank=1).ports(2) == (65535,)


@given(st.integers(1, 65535), st.integers(0, 4), st.integers(1, 16), st.integers(0, 64))
def test_ports_are_ports(port: int, by_rank: int, ranks: int, start: int) -> None:
    socket = Socket("KV events", "*", port, by_rank=by_rank, by_start_rank=True)
    found = socket.ports(ranks, start)
    assert list(found) == sorted(set(found))
    assert all(port <= each <= 65535 for each in found)


def test_endpoints() -> None:
    assert endpoint_socket("tcp://[::]:5557") == ("::", 5557)
    assert endpoint_socket("tcp://*:$(PORT)") == (None, None)
    assert endpoint_socket("tcp://*") is None
    assert endpoint_socket(None) is None
