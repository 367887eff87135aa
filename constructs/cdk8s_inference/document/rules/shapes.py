"""What must hold of engines in shapes that only Python can say.

Rules read plain data, as those over a document do; see
:mod:`cdk8s_inference.document.rules.fields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cdk8s_inference.document.ports import SERVING_PORT, default_port, given_port, rank_ports
from cdk8s_inference.document.rules.fields import Placed, driver_of, serving_container
from cdk8s_inference.findings import Finding, Severity, field_path, shown
from cdk8s_inference.platform import Platform
from cdk8s_inference.servers.command_line import uses
from cdk8s_inference.source import Cursor

_LAST_PORT = 65535


def engine_shape(engine: Cursor, platform: Platform) -> Iterator[Placed]:
    """The rules over one engine, whatever it is part of."""
    for member in engine["members"].items():
        yield from _twice_allocated(member, platform)
    yield from _serving_pods(engine)
    yield from _local_ranks(engine)
    last = _ports(engine)[-1]
    if last > _LAST_PORT:
        yield _problem(
            "W202",
            engine,
            f"the last of {ranks(engine)} ranks would listen on {last}",
            f"give it a --port of at most {_LAST_PORT + 1 - ranks(engine)}",
        )


def pool_shape(engines: Sequence[Cursor], phases: Sequence[str | None]) -> Iterator[Placed]:
    """The rules over the engines of one pool.

    Args:
        engines: The engines.
        phases: What each does there, such as ``Decode``.
    """
    counts = [ranks(engine) for engine in engines]
    for engine, count in zip(engines, counts, strict=True):
        if count != counts[0]:
            yield _problem(
                "W201",
                engine,
                f"its pods have {count} ranks, those of {shown(engines[0]['name'].value)} "
                f"{counts[0]}: the picker sends to every port of the pool, also where nothing "
                "listens, and those requests fail",
                "give all engines of a pool the same ranks",
            )
    taken = rank_ports(SERVING_PORT, max(counts, default=1))
    for engine, phase in zip(engines, phases, strict=True):
        if phase == "Decode" and len(taken) > 1 and (clash := {*_ports(engine)} & {*taken}):
            yield _problem(
                "W202",
                engine,
                f"the ranks of the decode engine listen on {min(clash)}, and its sidecar takes "
                f"{taken[0]} to {taken[-1]}",
                f"give it --port={default_port('Decode', len(taken))}",
            )


def ranks(engine: Cursor) -> int:
    """The data-parallel ranks of an engine's pod."""
    value = engine["ranks"].value
    return value if isinstance(value, int) else 1


def _problem(code: str, at: Cursor, message: str, fix: str, severity: Severity = "error") -> Placed:
    return Finding(code, severity, field_path(at.path), message, fix), at.path


def _port(container: Cursor) -> int | None:
    return given_port(container["command"].strings, container["args"].strings)


def _ports(engine: Cursor) -> tuple[int, ...]:
    count = ranks(engine)
    first = _port(serving_container(engine)) or default_port(engine["phase"].text, count)
    return rank_ports(first, count)


def _serving_pods(engine: Cursor) -> Iterator[Placed]:
    if engine["servingPods"].value != "every":
        return
    workers = [member for member in engine["members"].items() if member["role"].value == "Worker"]
    if not workers:
        yield _problem(
            "W203",
            engine["servingPods"],
            "serving_pods is 'every', but the engine has no followers",
            "leave it out: a standalone engine's pods all serve",
        )
    for worker in workers:
        container = worker.at("template", "spec", "containers", 0)
        default = default_port(engine["phase"].text, ranks(engine))
        leading = _port(serving_container(engine)) or default
        following = _port(container) or default
        if following != leading:
            yield _problem(
                "W204",
                container,
                f"every pod serves, but followers listen on {following} and the leader on "
                f"{leading}: one pool has one port for both",
                f"give both --port={leading}",
            )
        if "--headless" in container["args"].strings:
            yield _problem(
                "W204",
                container,
                "every pod serves, but followers have --headless, and so no API",
                "remove --headless (vLLM's hybrid and external load balancing refuse it), or let "
                "the leader alone serve",
            )


def _local_ranks(engine: Cursor) -> Iterator[Placed]:
    container, count = serving_container(engine), ranks(engine)
    if count == 1:
        return
    found = uses(
        container["command"].strings, container["args"].strings, "--data-parallel-size-local"
    )
    for use in found[-1:]:
        if use.value is not None and use.value.isdecimal() and int(use.value) != count:
            yield _problem(
                "W207",
                container.at(*use.place),
                f"--data-parallel-size-local is {use.value}, but the engine is said to have "
                f"{count} ranks, each with a port: some ports would have nobody listening",
                "make them the same",
            )


def _twice_allocated(member: Cursor, platform: Platform) -> Iterator[Placed]:
    classes = {
        name: request
        for request in member.at("nodeSelector", "devices").items()
        for name in (*driver_of(request), platform.device_class(request["name"].text or ""))
    }
    for resource, count in member["resources"].fields():
        domain, _, name = resource.partition("/")
        kind = re.split(r"[-.]", name)[0]
        if request := classes.get(f"{kind}.{domain}"):
            yield _problem(
                "W206",
                count,
                f"{resource} is taken from the device plugin, and request "
                f"{shown(request['name'].value)} claims {kind}.{domain} by DRA: two allocators "
                "would hand out the same devices",
                "keep one of them",
            )
