"""Every server that is known."""

from __future__ import annotations

from cdk8s_inference.servers import (
    dynamo,
    llm_d_inference_sim,
    lmcache,
    mooncake,
    sglang,
    tensorrt_llm,
    vllm,
)
from cdk8s_inference.servers.server import Server, ServerName

SERVERS: tuple[Server, ...] = (
    vllm.SERVER,
    sglang.SERVER,
    tensorrt_llm.SERVER,
    llm_d_inference_sim.SERVER,
    lmcache.SERVER,
    mooncake.SERVER,
    *dynamo.WORKERS,
)

ENGINES: tuple[Server, ...] = tuple(server for server in SERVERS if server.is_engine)

MODULES: frozenset[str] = frozenset(module.name for server in SERVERS for module in server.modules)
"""The Python modules that start them."""


def server_named(name: ServerName) -> Server:
    """The server of a name."""
    return next(server for server in SERVERS if server.name == name)
