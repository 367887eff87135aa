"""An HTTPRoute, and what it leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue
from cdk8s_inference.topology.reference import Reference

GATEWAY_GROUP = "gateway.networking.k8s.io"

_DURATION = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True, eq=False)
class RouteRule:
    """A rule of a route.

    Attributes:
        object: The route's object.
        at: Where.
    """

    object: KubeObject
    at: Cursor

    @cached_property
    def backends(self) -> list[Reference]:
        """What it leads to."""
        items = self.at["backendRefs"].items()
        return [Reference(self.object, item, "", "Service") for item in items]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The paths that it matches, as written; empty where it takes any."""
        found = (item.at("path", "value").text for item in self.at["matches"].items())
        return tuple(dict.fromkeys(path for path in found if path))

    @cached_property
    def timeout(self) -> SourceValue[str | None]:
        """How long a request may take, as written, or where that would be."""
        at = self.at.at("timeouts", "request")
        return self.object.value_at(at, at.text)


@dataclass(frozen=True, eq=False)
class Route:
    """An HTTPRoute.

    Attributes:
        object: The object.
    """

    object: KubeObject

    @cached_property
    def parents(self) -> list[Reference]:
        """The Gateways that it attaches to."""
        return [
            Reference(self.object, item, GATEWAY_GROUP, "Gateway")
            for item in self.object.at("spec", "parentRefs").items()
        ]

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The hosts whose requests it takes; empty where it takes those of any."""
        return tuple(host for host in self.object.at("spec", "hostnames").strings if host)

    @cached_property
    def rules(self) -> list[RouteRule]:
        """Its rules."""
        return [RouteRule(self.object, item) for item in self.object.at("spec", "rules").items()]

    def all_backends(self) -> Iterator[Reference]:
        """What its rules lead to."""
        for rule in self.rules:
            yield from rule.backends


def seconds(duration: str) -> float | None:
    """A duration of the Gateway API, such as ``1m30s``; None for what is none."""
    if _DURATION.fullmatch(duration) is None:
        return None
    return sum(
        int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|h|m|s)", duration)
    )
