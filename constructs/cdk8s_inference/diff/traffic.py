"""What changes of which requests reach a served model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cdk8s_inference.diff.object_pair import key_of
from cdk8s_inference.topology import Gateway, Route, RouteRule

Entry = tuple[str, str]
"""A host and a path; an empty host is any."""


@dataclass(frozen=True)
class Shift:
    """Shares of the requests to one host and path that go elsewhere.

    Attributes:
        entry: The host and path.
        old: Percent of the requests by what they lead to.
        new: The same, after.
    """

    entry: Entry
    old: tuple[tuple[str, int], ...]
    new: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ListenerChange:
    """A listener of a Gateway that goes, or is new.

    Attributes:
        gateway: The Gateway.
        listener: Its protocol, port and host, such as ``HTTPS :443 a.example.com``.
        listens: Whether it is there after the change.
    """

    gateway: str
    listener: str
    listens: bool


@dataclass(frozen=True)
class ServiceChange:
    """A Service that selects an engine no longer, or does now.

    Attributes:
        service: The Service.
        engine: The engine.
        leads: Whether it leads there after the change.
    """

    service: str
    engine: str
    leads: bool


@dataclass(frozen=True)
class Traffic:
    """How the requests to a served model change.

    Attributes:
        gone: Hosts and paths that no route takes any longer.
        made: Hosts and paths that routes take now.
        shifts: Requests that go elsewhere.
        gateways_gone: Gateways that routes leave.
        gateways_made: Gateways that routes join.
        listeners: Listeners of its Gateways that go or are new.
        services: Services that lead to its engines no longer, or do now.
    """

    gone: tuple[Entry, ...] = ()
    made: tuple[Entry, ...] = ()
    shifts: tuple[Shift, ...] = ()
    gateways_gone: tuple[str, ...] = ()
    gateways_made: tuple[str, ...] = ()
    listeners: tuple[ListenerChange, ...] = ()
    services: tuple[ServiceChange, ...] = ()

    def __bool__(self) -> bool:
        routes = (self.gone, self.made, self.shifts, self.gateways_gone, self.gateways_made)
        return any((*routes, self.listeners, self.services))


def traffic_between(
    old: Iterable[Route],
    new: Iterable[Route],
    *,
    all_old: Iterable[Route],
    all_new: Iterable[Route],
) -> Traffic:
    """How requests change between the routes of a served model.

    Args:
        old: Its routes before.
        new: Its routes after.
        all_old: Those of all served models before: what one of them took is not new.
        all_new: Those after: what one of them takes is not gone.
    """
    old, new = list(old), list(new)
    before, after = dict(_entries(old)), dict(_entries(new))
    still, already = dict(_entries(all_new)), dict(_entries(all_old))
    shifts = [
        Shift(entry, *(tuple(sorted(each.items())) for each in (shares, after[entry])))
        for entry, shares in before.items()
        if entry in after and shares != after[entry]
    ]
    parents = [
        {str(parent): None for route in routes for parent in route.parents} for routes in (old, new)
    ]
    return Traffic(
        tuple(entry for entry in before if entry not in still),
        tuple(entry for entry in after if entry not in already),
        tuple(shifts),
        tuple(name for name in parents[0] if name not in parents[1] and new),
        tuple(name for name in parents[1] if name not in parents[0] and old),
    )


def _entries(routes: Iterable[Route]) -> Iterator[tuple[Entry, dict[str, int]]]:
    for route in sorted(routes, key=lambda each: key_of(each.object)):
        for rule in route.rules:
            shares = _shares(rule)
            for host in route.hosts or ("",):
                for path in rule.paths or ("/",):
                    yield (host, path), shares


def _shares(rule: RouteRule) -> dict[str, int]:
    weights: Counter[str] = Counter()
    for backend in rule.backends:
        weight = backend.at["weight"].value
        weights[str(backend)] += weight if isinstance(weight, int) else 1
    total = sum(weights.values())
    return {name: round(100 * each / total) for name, each in weights.items()} if total else {}


def listener_changes(old: Iterable[Gateway], new: Iterable[Gateway]) -> tuple[ListenerChange, ...]:
    """Listeners that differ.

    Args:
        old: The Gateways that lead to a served model, before.
        new: All Gateways after.
    """
    after = {key_of(each.object): each for each in new}
    found = []
    for before in old:
        same = after.get(key_of(before.object))
        sides = [_listeners(before), [] if same is None else _listeners(same)]
        for side, other, listens in ((sides[0], sides[1], False), (sides[1], sides[0], True)):
            found += [
                ListenerChange(str(before.object), each, listens)
                for each in dict.fromkeys(side)
                if each not in other
            ]
    return tuple(found)


def _listeners(gateway: Gateway) -> list[str]:
    return [
        " ".join(part for part in (each.protocol, f":{port}", each.at["hostname"].text) if part)
        for each in gateway.listeners
        for port in [each.at["port"].value]
    ]
