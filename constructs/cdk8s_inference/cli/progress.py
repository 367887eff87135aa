"""How far a run is, for whoever waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

_T = TypeVar("_T")

DELAY = 1.0
"""Seconds that a run may last without a word."""


def with_progress(items: Iterable[_T], total: int, what: str, *, quiet: bool) -> Iterable[_T]:
    """Items, with their number, rate and remaining time on standard error while they are worked on.

    Nothing is shown within the first second, where standard error is no terminal, or if it is to
    be quiet; and nothing stays.

    Args:
        items: The items.
        total: How many there are.
        what: What one is called, such as ``deployment``.
    """
    if quiet or not sys.stderr.isatty():
        return items
    from tqdm import tqdm

    return tqdm(items, total=total, unit=f" {what}s", delay=DELAY, leave=False, dynamic_ncols=True)
