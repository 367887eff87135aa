"""The processes of an engine that each take a device, and how they are spread over pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Ranks:
    """The processes of one engine, as its flags divide them over the pods of a gang.

    Attributes:
        total: All of them, over all pods.
        pods: How many pods the server divides them over by itself; 1 where its flags say nothing
            of others.
        in_pod: How many of them it starts in one pod; None where they do not divide over the pods.
        by: What starts them: the server in each pod, or Ray, which has started on all pods before.
        rendezvous: Flags of which one must name the first pod to the others; empty where the
            pods need none.
    """

    total: int
    pods: int
    in_pod: int | None
    by: Literal["server", "ray"] = "server"
    rendezvous: tuple[str, ...] = ()


def divided(total: int, pods: int, rendezvous: tuple[str, ...]) -> Ranks:
    """Ranks that a server divides over pods evenly, or refuses to.

    >>> divided(16, 2, ("--master-addr",)).in_pod, divided(16, 3, ("--master-addr",)).in_pod
    (8, None)
    """
    in_pod = None if pods < 1 or total % pods else total // pods
    return Ranks(total, pods, in_pod, rendezvous=rendezvous if pods > 1 else ())
