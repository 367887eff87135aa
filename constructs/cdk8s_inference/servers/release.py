"""Releases of a server, and facts that changed between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

_Fact = TypeVar("_Fact")

_NUMBERS = re.compile(r"v?(\d+(?:\.\d+){1,2})(?![\d.])")


def release_order(release: str) -> tuple[int, ...]:
    """What releases are sorted by."""
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])


def release_of_tag(tag: str) -> str | None:
    """The release that an image's tag names; None where it names none, as ``latest`` does.

    >>> release_of_tag("v0.23.0-cu129"), release_of_tag("latest")
    ('0.23.0', None)
    """
    found = _NUMBERS.match(tag)
    return found[1] if found else None


def nearest(release: str | None, known: Iterable[str]) -> str:
    """The known release that says most of another: the last one before it, else the first.

    Of no release at all the newest one says most.
    """
    ordered = sorted(known, key=release_order)
    if release is None:
        return ordered[-1]
    before = [each for each in ordered if release_order(each) <= release_order(release)]
    return before[-1] if before else ordered[0]


@dataclass(frozen=True)
class ByRelease(Generic[_Fact]):
    """A fact that changed between releases.

    Attributes:
        first: What holds in the oldest releases.
        changes: The releases that changed it, oldest first, each with what holds from it on.
    """

    first: _Fact
    changes: tuple[tuple[str, _Fact], ...] = ()

    def at(self, release: str | None) -> _Fact:
        """What holds in a release; of None, in the newest.

        >>> ByRelease(5557, (("0.12.0", 5600),)).at("0.11.0")
        5557
        """
        found = self.first
        for since, fact in self.changes:
            if release is None or release_order(release) >= release_order(since):
                found = fact
        return found
