"""Mooncake's own servers: the store's master, its clients, its metadata server.

Read in the source of 0.3.12: its flags are gflags, or Python's argparse.
"""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.servers.flags import Grammar
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.server import FlagNames, Program, Server, readable
from cdk8s_inference.servers.socket import Socket

DEFAULT_METRICS_PORT = 9003
DEFAULT_METADATA_PORT = 8080


def sockets(invocation: Invocation) -> list[Socket]:
    """Where the store's master listens."""
    return list(_sockets(invocation))


def _sockets(given: Invocation) -> Iterator[Socket]:
    said = given.text("--rpc-port", "--port")
    address = given.text("--rpc-address")
    yield Socket(
        "cache server",
        SERVER.host if address is None else readable(address),
        SERVER.port if said is None else given.number("--rpc-port", "--port"),
        given_by="--rpc_port",
        is_default=said is None,
    )
    metrics = given.text("--metrics-port")
    yield Socket(
        "metrics",
        SERVER.host,
        DEFAULT_METRICS_PORT if metrics is None else given.number("--metrics-port"),
        given_by="--metrics_port",
        is_default=metrics is None,
    )
    if given.on("--enable-http-metadata-server"):
        port = given.text("--http-metadata-server-port")
        host = given.text("--http-metadata-server-host")
        yield Socket(
            "metadata server",
            SERVER.host if host is None else readable(host),
            DEFAULT_METADATA_PORT if port is None else given.number("--http-metadata-server-port"),
            given_by="--http_metadata_server_port",
            is_default=port is None,
        )


SERVER = Server(
    name="mooncake",
    title="Mooncake",
    programs=(Program("mooncake_master"),),
    images=("mooncake-master",),
    is_engine=False,
    grammar=Grammar(underscores=True, prefixes=False),
    names=FlagNames(host="--rpc-address", port="--rpc-port"),
    host="0.0.0.0",
    port=50051,
    http_paths=("/health", "/metrics", "/metrics/summary"),
    sockets_of=sockets,
)
