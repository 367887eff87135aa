"""What parts of a graph and the arrows between them say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.servers import Socket
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import (
    Claim,
    Engine,
    Pods,
    Reference,
    ServedEngine,
    Service,
)

_RANKS = 256
"""Ranks of a pod whose ports are shown, at most."""

_SHOWN = 3
"""Hosts, paths and claims that a part shows, at most."""

_TRANSFER = (
    "NIXL side channel",
    "bootstrap",
    "P2P tier",
    "TPU KV transfer",
    "TPU side channel",
    "MoRIIO handshake",
    "MoRIIO notify",
)
"""Where an engine is asked for its KV cache."""


def port(port: object) -> str:
    """A port that may be unread: ``:8000``, or nothing."""
    value = getattr(port, "value", None)
    return "" if value is None else f":{value}"


def ports(ports: Iterable[int]) -> str:
    """Ports, those in a row as one range: ``:8000-8007``."""
    runs: list[tuple[int, int]] = []
    for port in sorted(set(ports)):
        if runs and runs[-1][1] == port - 1:
            runs[-1] = (runs[-1][0], port)
        else:
            runs.append((port, port))
    texts = (str(first) if first == last else f"{first}-{last}" for first, last in runs)
    joined = ", ".join(texts)
    return f":{joined}" if joined else ""


def few(texts: Iterable[str]) -> list[str]:
    """The first few texts, and how many more there are."""
    found = [text for text in texts if text]
    more = len(found) - _SHOWN
    return [*found[:_SHOWN], f"and {more} more"] if more > 0 else found


def number(at: Cursor) -> str:
    """The port at a place: ``:80``, or nothing."""
    value = at.value
    return f":{value}" if isinstance(value, int) and not isinstance(value, bool) else ""


def weight(reference: Reference) -> int:
    """The weight of a backend: 1 unless written."""
    value = reference.at["weight"].value
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 1


def port_pairs(service: Service) -> list[str]:
    """The ports of a Service, and where they lead."""
    return [
        f":{port} to :{target.value}" if target is not None else f":{port}"
        for port, target in service.ports.items()
    ]


def software(engine: Engine | None) -> str:
    """The server that an engine runs, and its release."""
    if engine is None:
        return "engine not known"
    title = engine.server.title if engine.server else engine.container.image_name
    return f"{title} {engine.container.image_tag}".strip()


def model_name(engine: Engine | None) -> str:
    """The model that an engine loads; empty where that is not said."""
    if engine is None or engine.model is None:
        return ""
    return engine.model.value


def copies(served: ServedEngine, pods: Pods) -> str:
    """How many copies run, and of how many pods; of followers how many pods."""
    if served.copies is None:
        return "one on each node"
    count = served.copies * pods.per_copy
    if pods.part == "follower":
        return f"{count} {'pod' if count == 1 else 'pods'}"
    copies = f"{served.copies} {'copy' if served.copies == 1 else 'copies'}"
    most = served.autoscaler.most if served.autoscaler else None
    if most is not None:
        copies = f"{served.copies} to {most.value} copies"
    return f"{copies} of {served.gang_size} pods" if served.gang_size > 1 else copies


def copies_in_full(served: ServedEngine) -> str:
    """How many copies run, and how many pods that is."""
    text = copies(served, served.pods[0])
    return text if served.pod_count is None else f"{text}, {plural(served.pod_count, 'pod')} in all"


def devices(devices: int | None) -> str:
    """The devices of a pod; empty where it asks for none."""
    if devices is None:
        return "devices not known"
    return f"{plural(devices, 'device')} a pod" if devices else ""


def ranks(engine: Engine | None) -> str:
    """The parallelism of an engine: ``TP 2 · DP 8``; empty for one rank."""
    if engine is None:
        return ""
    parallel = (
        ("TP", engine.tensor_parallel),
        ("PP", engine.pipeline_parallel),
        ("DP", engine.data_parallel),
    )
    told = [f"{name} {size.value}" for name, size in parallel if size and size.value > 1]
    return " · ".join(told)


def listens(engine: Engine | None) -> Iterator[str]:
    """Every socket of an engine, and its ports."""
    if engine is None:
        return
    for socket in engine.sockets:
        yield f"{socket.purpose} {ports(_opened(engine, socket))}".strip()


def sockets(engine: Engine | None, purposes: Iterable[str]) -> str:
    """The ports of an engine for some purposes, a line for each."""
    if engine is None:
        return ""
    found: dict[str, list[int]] = {}
    for socket in engine.sockets:
        if socket.purpose in purposes:
            found.setdefault(socket.purpose, []).extend(_opened(engine, socket))
    return "\n".join(f"{purpose} {ports(own)}".strip() for purpose, own in found.items())


def _opened(engine: Engine, socket: Socket) -> Sequence[int]:
    """The ports that the ranks of a pod open, unless there are more ranks than a node has."""
    ranks = engine.local_ranks.value if engine.local_ranks else 1
    if ranks > _RANKS or socket.width > _RANKS:
        return () if socket.port is None else (socket.port,)
    return socket.ports(ranks)


def leader(served: ServedEngine) -> Engine | None:
    """The engine of the first pod of a gang."""
    return served.pods[0].engine


def transfer(prefill: Pods, decode: Pods) -> str:
    """How prefill hands its KV cache to decode, and on which ports."""
    engine = prefill.engine or decode.engine
    if engine is None:
        return "KV cache"
    names = " + ".join(sorted(engine.connectors))
    parts = ("KV cache", names, sockets(prefill.engine, _TRANSFER))
    return "\n".join(part for part in parts if part)


def requests(claim: Claim) -> list[str]:
    """The device requests of a claim: ``2 x gpu.nvidia.com``."""
    texts = []
    for request in claim.requests:
        classes = " or ".join(
            dict.fromkeys(each.device_class.value or "any class" for each in request.choices)
        )
        count = "all" if request.count is None else str(request.count.value)
        texts.append(f"{count} x {classes}" if classes else request.name)
    return texts


def volumes(pods: Pods, engine: Engine | None) -> Iterator[tuple[Cursor, str]]:
    """The volumes that hold a model or a cache, and where they are mounted."""
    container = engine.container if engine else next(iter(pods.staying), None)
    if container is None:
        return
    model = engine.model.value if engine and engine.model else ""
    volumes = {item["name"].text: item for item in pods.at.at("spec", "volumes").items()}
    for mount in container.at["volumeMounts"].items():
        volume, path = volumes.get(mount["name"].text), mount["mountPath"].text
        if volume is None or not path:
            continue
        holds = bool(path.strip("/")) and f"{model}/".startswith(f"{path.rstrip('/')}/")
        if volume["persistentVolumeClaim"].present or holds:
            yield volume, path


def source(volume: Cursor) -> tuple[str, str]:
    """The kind of a volume, and what it is of."""
    for kind, at in volume.fields():
        if kind != "name" and at.present:
            what = at["reference"].text or at["path"].text or at["driver"].text
            return kind, what or volume["name"].text or kind
    return "volume", volume["name"].text or "volume"
