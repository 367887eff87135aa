"""What a model server does, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cdk8s_inference.servers.flags import Flags, Grammar, load_flags
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.kv_connector import KvConnector, connector_named
from cdk8s_inference.servers.ranks import Ranks
from cdk8s_inference.servers.release import ByRelease, release_of_tag
from cdk8s_inference.servers.socket import Socket

ServerName = Literal[
    "vllm",
    "sglang",
    "trtllm",
    "llm-d-inference-sim",
    "lmcache",
    "mooncake",
    "dynamo-vllm",
    "dynamo-sglang",
    "dynamo-trtllm",
]


@dataclass(frozen=True)
class Program:
    """A way to start a program, or one of the programs of an image.

    Attributes:
        name: The file name of the program, or a Python module.
        subcommands: The words of which the next one must be one; empty where any, or none, is.
    """

    name: str
    subcommands: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FlagNames:
    """What a server calls the flags that other code asks for; None for what it has not.

    Attributes:
        host: The address that it binds.
        port: The port that it serves on.
        model: The model that it loads.
        served_model: The name by which requests call it.
        config_file: A file that says more.
        tensor_parallel: Devices that share each layer.
        pipeline_parallel: Stages that the layers are divided into.
        data_parallel: Ranks that each serve by themselves, over all pods of a gang.
        local_ranks: Those of one pod.
        start_rank: The rank of a pod's first one.
        nodes: The pods of a gang.
        node_rank: The place of a pod in its gang.
        headless: Without an API of its own.
        ranks_port_each: Every rank of the pod serves on a port of its own.
        every_pod_serves: Flags with which every pod of a gang takes requests.
        supervisor_port: The port that knows of the health of all ranks of a pod.
        block_size: Tokens of a block of the KV cache.
        dtype: The type of weights.
        kv_cache_dtype: The type of the cache.
        kv_transfer: What hands the KV cache over.
        transfer_backend: What it is handed over with.
        bootstrap_port: Where prefill says how the cache is fetched.
        kv_events: What publishes events of the cache.
        drain: Seconds that running requests have once the server is asked to stop.
        api_key: The key that requests must carry.
        certificate: The certificate with which it serves TLS.
        certificate_key: Its key.
        metrics: What turns metrics on; None for a server that always has them.
        max_length: The longest prompt and answer.
        max_requests: How many requests run at once.
        remote_code: Whether the model's own code is run.
    """

    host: str | None = None
    port: str | None = None
    model: str | None = None
    served_model: str | None = None
    config_file: str | None = None
    tensor_parallel: str | None = None
    pipeline_parallel: str | None = None
    data_parallel: str | None = None
    local_ranks: str | None = None
    start_rank: str | None = None
    nodes: str | None = None
    node_rank: str | None = None
    headless: str | None = None
    ranks_port_each: str | None = None
    every_pod_serves: tuple[str, ...] = ()
    supervisor_port: str | None = None
    block_size: str | None = None
    dtype: str | None = None
    kv_cache_dtype: str | None = None
    kv_transfer: str | None = None
    transfer_backend: str | None = None
    bootstrap_port: str | None = None
    kv_events: str | None = None
    drain: str | None = None
    api_key: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    metrics: str | None = None
    max_length: str | None = None
    max_requests: str | None = None
    remote_code: str | None = None


COMMON = FlagNames(host="--host", port="--port")
"""What every engine calls so, also one that is not known."""


@dataclass(frozen=True)
class Directory:
    """A directory that a server writes to.

    Attributes:
        path: Where, by default; ``~`` is the home directory of the user that it runs as.
        variables: Variables that put it elsewhere, the first one that is set counting.
        purpose: What for.
    """

    path: str
    variables: tuple[str, ...]
    purpose: str


@dataclass(frozen=True)
class Metrics:
    """What a server tells of itself.

    Attributes:
        path: Where.
        prefix: What the names of its own metrics start with.
        waiting: The metric of requests that wait.
        running: The metric of requests that run.
        cache_usage: The metric of the share of the KV cache that is used.
    """

    path: str = "/metrics"
    prefix: str = ""
    waiting: str | None = None
    running: str | None = None
    cache_usage: str | None = None


@dataclass(frozen=True, eq=False)
class Server:
    """A model server, or a server of caches beside one.

    Attributes:
        name: What code calls it.
        title: What people call it.
        programs: Programs that start it.
        modules: Python modules that start it.
        images: Parts of image names that hold it. An image counts where nothing else is run.
        release_images: Names of its own project's images, whose tags are its releases.
        images_start_it: Whether those start it where no command is given.
        model_argument: Whether what they start takes the model without a flag.
        telling_flags: Flags that no other server has.
        is_engine: Whether it serves a model.
        flag_file: The name of the data file of its flags; None where they are not known here.
        grammar: How its parser reads flags.
        names: What it calls the flags that others ask for.
        host: The address that it binds by default.
        port: The port that it serves on by default.
        block_tokens: Tokens of a block of its KV cache by default.
        http_paths: Paths that it answers a GET on; the first is the one to probe.
        metrics: Its metrics.
        connectors: Connectors that hand its KV cache over.
        sockets_of: Where it listens, by what it is given.
        ranks_of: How it divides its ranks over pods, by what it is given; None where that is not
            known, or a value is unread.
        directories: Where it writes.
        shared_memory: Whether its processes talk over ``/dev/shm``, which is 64 MiB by default.
        secret_flags: Flags whose value is a secret.
        group_flags: Flags, beside that of the number of pods, with which it spans several.
        handshake_flags: Flags that prefill and decode must agree on: the hand-over compares what
            they lead to.
        model_flags: Flags that change which weights are loaded, and that the hand-over does not
            compare.
        gang_flags: Flags that all pods of a gang must agree on.
        handshake_variables: Variables that prefill and decode must agree on.
        engine_label: What the picker calls it in the label of pods.
        behaves_as: The server that it stands in for.
    """

    name: ServerName
    title: str
    programs: tuple[Program, ...]
    modules: tuple[Program, ...] = ()
    images: tuple[str, ...] = ()
    release_images: tuple[str, ...] = ()
    images_start_it: bool = True
    model_argument: ByRelease[bool] = field(default_factory=lambda: ByRelease(False))
    telling_flags: tuple[str, ...] = ()
    is_engine: bool = True
    flag_file: str | None = None
    grammar: Grammar = field(default_factory=Grammar)
    names: FlagNames = field(default_factory=FlagNames)
    host: str = "0.0.0.0"
    port: int | None = None
    block_tokens: int | None = None
    http_paths: tuple[str, ...] = ()
    metrics: Metrics | None = None
    connectors: tuple[KvConnector, ...] = ()
    sockets_of: Callable[[Invocation], list[Socket]] = field(default=lambda _: [], repr=False)
    ranks_of: Callable[[Invocation], Ranks | None] = field(default=lambda _: None, repr=False)
    directories: tuple[Directory, ...] = ()
    shared_memory: bool = False
    secret_flags: tuple[str, ...] = ()
    group_flags: tuple[str, ...] = ()
    handshake_flags: tuple[str, ...] = ()
    model_flags: tuple[str, ...] = ()
    handshake_variables: tuple[str, ...] = ()
    gang_flags: tuple[str, ...] = ()
    engine_label: str | None = None
    behaves_as: ServerName | None = None

    def flags(self, release: str | None = None) -> Flags | None:
        """The flags that a release knows; None for a server whose flags are not known here.

        Args:
            release: The release; of one that is not known the nearest, of None the newest.
        """
        if self.flag_file is None:
            return None
        return load_flags(self.flag_file, release, self.grammar)

    def connector(self, name: str) -> KvConnector | None:
        """Its connector of a name."""
        return connector_named(self.connectors, name)

    def sockets(self, invocation: Invocation) -> list[Socket]:
        """Where it listens when it is started so."""
        return self.sockets_of(invocation)

    def ranks(self, invocation: Invocation) -> Ranks | None:
        """How it divides its ranks over pods when it is started so; None where that is unread."""
        return self.ranks_of(invocation)

    def http(self, invocation: Invocation) -> Socket | None:
        """Where it takes requests; None where it takes none, as a pod that is headless."""
        found = (socket for socket in self.sockets(invocation) if socket.purpose == "HTTP")
        return next(found, None)

    def release_of(self, image: str) -> str | None:
        """The release that an image holds; None where its name does not say.

        The tag of someone else's build counts that project's releases.

        >>> from cdk8s_inference.servers import VLLM
        >>> VLLM.release_of("vllm/vllm-openai:v0.32.0")
        '0.32.0'
        """
        name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
        return release_of_tag(tag) if name in self.release_images else None

    def home(self, env: Mapping[str, str | None]) -> list[tuple[Directory, str | None]]:
        """Where it writes with some variables set; None for a path that comes from elsewhere."""
        found: list[tuple[Directory, str | None]] = []
        for directory in self.directories:
            setting = next((name for name in directory.variables if name in env), None)
            found.append((directory, env[setting] if setting else directory.path))
        return found


def http_socket(invocation: Invocation, host: str, port: int, *, by_rank: int = 0) -> Socket:
    """Where a server takes requests by its ``--host`` and ``--port``."""
    names = invocation.server.names if invocation.server else FlagNames()
    said_host = invocation.text(names.host) if names.host else None
    said_port = invocation.text(names.port) if names.port else None
    number = port if said_port is None else invocation.number(str(names.port))
    return Socket(
        "HTTP",
        host if said_host is None else readable(said_host),
        number,
        by_rank=by_rank,
        given_by=names.port,
        is_default=said_port is None,
    )


def readable(text: str | None) -> str | None:
    """An address as written; None where only the cluster knows it."""
    return None if text is None or "$" in text or "{{" in text else text


def endpoint_socket(endpoint: str | None) -> tuple[str | None, int | None] | None:
    """The address and port of a ZeroMQ endpoint; None for one that is no TCP, or not given.

    >>> endpoint_socket("tcp://*:5557"), endpoint_socket("ipc:///tmp/kv")
    (('*', 5557), None)
    """
    if endpoint is None:
        return None
    if "$" in endpoint or "{{" in endpoint:
        return None, None
    scheme, found, rest = endpoint.partition("://")
    host, colon, port = rest.rpartition(":")
    if not found or scheme != "tcp" or not colon or not port.isdigit():
        return None
    return host.strip("[]"), int(port)
