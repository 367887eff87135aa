"""LMCache's own servers, which keep KV caches for engines. Read in its documentation, 0.3.11."""

from __future__ import annotations

from cdk8s_inference.servers.flags import Grammar
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.server import FlagNames, Program, Server, readable
from cdk8s_inference.servers.socket import Socket


def sockets(invocation: Invocation) -> list[Socket]:
    """Where the multi-process server listens: engines reach it over ZeroMQ."""
    host, port = invocation.text("--host"), invocation.text("--port")
    return [
        Socket(
            "cache server",
            SERVER.host if host is None else readable(host),
            SERVER.port if port is None else invocation.number("--port"),
            given_by="--port",
            is_default=port is None,
        )
    ]


SERVER = Server(
    name="lmcache",
    title="LMCache",
    programs=(Program("lmcache", frozenset({"server"})), Program("lmcache_server")),
    modules=(
        Program("lmcache.v1.multiprocess.server"),
        Program("lmcache.v1.multiprocess.http_server"),
        Program("lmcache.v1.server"),
        Program("lmcache.server"),
    ),
    images=("lmcache/standalone", "lmcache-standalone"),
    is_engine=False,
    grammar=Grammar(),
    names=FlagNames(host="--host", port="--port"),
    host="localhost",
    port=5555,
    sockets_of=sockets,
    shared_memory=True,
)
