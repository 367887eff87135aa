"""What becomes of an engine's work when it gets SIGTERM, as a deleted pod's does.

Docs/proof.md shows this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Work = Literal["a stream", "blocks, fetched 2 s later", "blocks, never fetched"]
LEASE_SECONDS = 30
"""For how long prefill keeps blocks that nobody fetches."""


@dataclass(frozen=True)
class Stop:
    """An engine that is stopped while it has work.

    Attributes:
        part: Which engine.
        args: Arguments that are added.
        work: What it has begun.
        outcome: What becomes of that.
        leaves: When the engine ends, in words.
        ends: From when and until when that is, in seconds after the signal.
        tokens: How many a stream has.
        healthy: Whether ``/health`` answers 200 for as long as the engine works.
    """

    part: Literal["prefill", "decode"]
    args: tuple[str, ...]
    work: Work
    outcome: str
    leaves: str
    ends: tuple[float, float]
    tokens: int = 150
    healthy: bool = True


_DEFAULT = ("--shutdown-timeout=0",)
"""What holds in vLLM where nothing gives the flag; composed pods give it."""
_AT_ONCE = ("at once", (0.0, 20.0))

STOPS = (
    Stop(
        "decode",
        _DEFAULT,
        "a stream",
        "ends with an error",
        "at once, or when it is killed",
        (0, 100),
        healthy=False,
    ),
    Stop("decode", ("--shutdown-timeout=60",), "a stream", "completes", "after it", (0, 60)),
    Stop(
        "decode",
        ("--shutdown-timeout=1",),
        "a stream",
        "ends with an error",
        "after 1 s, or when it is killed",
        (1, 100),
        tokens=4000,
    ),
    Stop("prefill", _DEFAULT, "blocks, fetched 2 s later", "500", *_AT_ONCE, healthy=False),
    Stop(
        "prefill",
        ("--shutdown-timeout=60",),
        "blocks, fetched 2 s later",
        "P/D",
        "after that",
        (2, 25),
    ),
    Stop(
        "prefill",
        ("--shutdown-timeout=60",),
        "blocks, never fetched",
        "lost",
        f"after {LEASE_SECONDS} s, their lease",
        (LEASE_SECONDS - 5, LEASE_SECONDS + 20),
    ),
)


def table() -> str:
    """The stops as docs/proof.md shows them."""
    rows = [
        f"| {each.part} | {' '.join(each.args)} | {each.work} | {each.outcome} "
        f"| {each.leaves} | {'200' if each.healthy else 'refused'} |"
        for each in STOPS
    ]
    head = "| engine | flag | has begun | which then | the engine ends | `/health` meanwhile |"
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- |", *rows])
