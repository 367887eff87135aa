"""What a check read and understood, and what it did not read."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk8s_inference.cel.evaluation import can_evaluate
from cdk8s_inference.topology import Topology

FORMAT = 1
"""The version of :meth:`Coverage.as_dict`; it changes where a key changes its meaning."""

_SHOWN = 4


@dataclass(frozen=True)
class Coverage:
    """What was read of some input.

    Attributes:
        objects: How many Kubernetes objects and documents.
        read: How many of them are what the rules know, by what they are: ``engine``, ``pool``,
            ``picker``, ``route``, ``gateway``, ``ModelDeployment``, ``ServingStack``. An engine is
            a template of pods, however many copies of it run.
        prefill: Engines with the role of prefill.
        decode: Engines with the role of decode.
        unread: What was named, or may hold something, and was not read, in words.
    """

    objects: int = 0
    read: Mapping[str, int] = field(default_factory=dict)
    prefill: int = 0
    decode: int = 0
    unread: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether something was understood, and nothing was left unread."""
        return bool(self.read) and not self.unread

    def as_dict(self) -> dict[str, Any]:
        """The coverage as plain data, for JSON."""
        return {
            "version": FORMAT,
            "objects": self.objects,
            "read": dict(self.read),
            "prefill": self.prefill,
            "decode": self.decode,
            "unread": list(self.unread),
        }

    def __str__(self) -> str:
        read = ", ".join(
            plural(count, name) + (self._roles if name == "engine" else "")
            for name, count in self.read.items()
        )
        parts = [f"{plural(self.objects, 'object')}: {read or 'none that the rules are about'}"]
        if self.unread:
            more = len(self.unread) - _SHOWN
            shown = [*self.unread[:_SHOWN], *([f"{more} more"] if more > 0 else [])]
            parts.append(f"not read: {', '.join(shown)}")
        return "; ".join(parts)

    @property
    def _roles(self) -> str:
        roles = {"prefill": self.prefill, "decode": self.decode}
        shown = ", ".join(f"{count} {role}" for role, count in roles.items() if count)
        return f" ({shown})" if shown else ""


def plural(count: int, noun: str) -> str:
    """A number of things, such as ``1 error`` or ``2 errors``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def coverage(
    topology: Topology, documents: Iterable[str] = (), unread: Iterable[str] = ()
) -> Coverage:
    """What was read of an input.

    Args:
        topology: The Kubernetes objects.
        documents: The kind of each document beside them, such as ``ModelDeployment``.
        unread: What else was not read, such as files.
    """
    engines = [pods for pods in topology.serving if pods.part != "follower"]
    roles = Counter(pods.role.value for pods in engines)
    kinds = Counter(documents)
    counts = {
        "engine": len(engines),
        "pool": len(topology.inference_pools),
        "picker": len(topology.pickers),
        "picker configuration": len(topology.of_kind("EndpointPickerConfig")),
        "route": len(topology.routes),
        "gateway": len(topology.gateways),
        **kinds,
    }
    return Coverage(
        len(topology.objects) + kinds.total(),
        {name: count for name, count in counts.items() if count},
        roles["prefill"],
        roles["decode"],
        tuple(
            dict.fromkeys((*_missing(topology), *_controlled(topology), *unread, *_rules(topology)))
        ),
    )


def _missing(topology: Topology) -> Iterator[str]:
    for pool in topology.inference_pools:
        if pool.picker is None and pool.picker_name is not None:
            yield f"the picker of {pool.object}"
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.is_pool and topology.resolve(backend) is None:
                yield str(backend)
        for parent in route.parents:
            if (
                parent.kind == "Gateway"
                and topology.gateway(parent.namespace, parent.name.value) is None
            ):
                yield str(parent)
    for picker in topology.pickers:
        if picker.config_volume is not None and picker.config is None:
            name, _ = picker.config_volume
            yield f"ConfigMap {picker.object.namespace}/{name.value}"


def _controlled(topology: Topology) -> Iterator[str]:
    """The kinds whose controllers make pods of which the templates alone are known."""
    for kind in topology.controlled_kinds:
        if not kind.is_understood:
            yield f"what a controller makes of {plural(len(kind.objects), kind.name)}"


def _rules(topology: Topology) -> Iterator[str]:
    """That CRDs of objects have rules which nothing here evaluates."""
    if can_evaluate():
        return
    kinds = {(each.at("apiVersion").text or "", each.kind) for each in topology.objects}
    if any(topology.api.has_rules(version, kind) for version, kind in kinds):
        is_for_this = sys.version_info >= (3, 11)
        how = "pip install 'cdk8s-inference[cel]'" if is_for_this else "Python 3.11 and newer"
        yield f"CEL rules ({how})"
