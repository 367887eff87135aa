"""What model servers do, as data.

One file for each server: :mod:`~cdk8s_inference.servers.vllm`,
:mod:`~cdk8s_inference.servers.sglang` and so on, each a :class:`Server` value. A new server is one
such file and one line of :mod:`~cdk8s_inference.servers.registry`; a new flag is one line of a
file in ``data/``.

>>> given = Invocation(VLLM, "0.23.0", flags_given(["vllm", "serve", "m", "--port", "8001"]))
>>> [(socket.purpose, socket.address, socket.port) for socket in VLLM.sockets(given)]
[('HTTP', '0.0.0.0', 8001)]
"""

from cdk8s_inference.servers.command_line import Given
from cdk8s_inference.servers.command_line import given as flags_given
from cdk8s_inference.servers.flags import Flag, Flags
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.kv_connector import KvConnector, KvTransfer
from cdk8s_inference.servers.llm_d_inference_sim import SERVER as SIMULATOR
from cdk8s_inference.servers.lmcache import SERVER as LMCACHE
from cdk8s_inference.servers.mooncake import SERVER as MOONCAKE
from cdk8s_inference.servers.ranks import Ranks
from cdk8s_inference.servers.recognize import (
    Recognized,
    engine_of,
    invocation_of,
    recognize,
)
from cdk8s_inference.servers.registry import ENGINES, SERVERS, server_named
from cdk8s_inference.servers.release import ByRelease, release_of_tag
from cdk8s_inference.servers.server import COMMON, Directory, FlagNames, Metrics, Server, ServerName
from cdk8s_inference.servers.sglang import SERVER as SGLANG
from cdk8s_inference.servers.socket import Socket
from cdk8s_inference.servers.tensorrt_llm import SERVER as TENSORRT_LLM
from cdk8s_inference.servers.vllm import SERVER as VLLM

__all__ = [
    "COMMON",
    "ENGINES",
    "LMCACHE",
    "MOONCAKE",
    "SERVERS",
    "SGLANG",
    "SIMULATOR",
    "TENSORRT_LLM",
    "VLLM",
    "ByRelease",
    "Directory",
    "Flag",
    "FlagNames",
    "Flags",
    "Given",
    "Invocation",
    "KvConnector",
    "KvTransfer",
    "Metrics",
    "Ranks",
    "Recognized",
    "Server",
    "ServerName",
    "Socket",
    "engine_of",
    "flags_given",
    "invocation_of",
    "recognize",
    "release_of_tag",
    "server_named",
]
