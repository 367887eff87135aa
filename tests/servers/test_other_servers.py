"""Where the other servers listen."""

from __future__ import annotations

import pytest

from cdk8s_inference.servers import (
    LMCACHE,
    MOONCAKE,
    SERVERS,
    SIMULATOR,
    TENSORRT_LLM,
    Invocation,
    Server,
    flags_given,
    server_named,
)


def listening(server: Server, *args: str) -> list[tuple[str, str | None, int | None]]:
    given = Invocation(server, None, flags_given(None, args))
    return [(each.purpose, each.address, each.port) for each in server.sockets(given)]


@pytest.mark.parametrize(
    ("server", "args", "expected"),
    [
        (TENSORRT_LLM, [], [("HTTP", "localhost", 8000)]),
        (TENSORRT_LLM, ["--host", "0.0.0.0", "--port=9"], [("HTTP", "0.0.0.0", 9)]),
        (SIMULATOR, [], [("HTTP", "0.0.0.0", 8000)]),
        (LMCACHE, [], [("cache server", "localhost", 5555)]),
        (LMCACHE, ["--host=0.0.0.0", "--port=6"], [("cache server", "0.0.0.0", 6)]),
        (
            MOONCAKE,
            [],
            [("cache server", "0.0.0.0", 50051), ("metrics", "0.0.0.0", 9003)],
        ),
        (
            MOONCAKE,
            ["--rpc_port=1", "--metrics_port=2", "--enable_http_metadata_server=true"],
            [
                ("cache server", "0.0.0.0", 1),
                ("metrics", "0.0.0.0", 2),
                ("metadata server", "0.0.0.0", 8080),
            ],
        ),
    ],
    ids=str,
)
def test_where_it_listens(
    server: Server, args: list[str], expected: list[tuple[str, str | None, int | None]]
) -> None:
    assert listening(server, *args) == expected


def test_the_simulator_replays_events() -> None:
    found = listening(SIMULATOR, "--kv-events-replay-endpoint=tcp://*:5558")
    assert ("KV event replay", "*", 5558) in found


# Dynamo's workers take their requests from its frontend.
@pytest.mark.parametrize("server", [s for s in SERVERS if s.port], ids=lambda s: s.name)
def test_each_listens_on_its_default_port(server: Server) -> None:
    first = server.sockets(Invocation(server))[0]
    assert (first.address, first.port, first.is_default) == (server.host, server.port, True)
    assert server_named(server.name) is server


@pytest.mark.parametrize(
    "server", [s for s in SERVERS if s.is_engine and s.port], ids=lambda s: s.name
)
def test_each_engine_says_what_to_probe(server: Server) -> None:
    assert server.http_paths[0] == "/health"
    assert server.http(Invocation(server)) in server.sockets(Invocation(server))
    assert server.engine_label
