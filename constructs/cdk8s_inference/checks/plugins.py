"""Rules of other packages, which an entry point names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GROUP = "cdk8s_inference.rules"
"""The group of entry points; each names a module, whose import makes functions rules."""


@dataclass(frozen=True)
class NotLoaded:
    """An entry point whose rules are not applied.

    Attributes:
        name: Its name and what it refers to.
        reason: Why it cannot be loaded.
    """

    name: str
    reason: str


@cache
def load_rules() -> tuple[NotLoaded, ...]:
    """Loads the rules of other packages, once, and says which cannot be loaded."""
    return tuple(_load())


def _load() -> Iterator[NotLoaded]:
    if not may_have_rules():
        return
    from importlib.metadata import entry_points

    for each in entry_points(group=GROUP):
        try:
            each.load()
        # What another package raises is no failure of this one.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            yield NotLoaded(f"{each.name} = {each.value}", reason)


def may_have_rules() -> bool:
    """Whether an installed package may have rules.

    Most environments have none, and ``importlib.metadata`` takes longer to import than a file to
    check.
    """
    folders = (Path(folder) for folder in sys.path)
    return any(
        GROUP in file.read_text(errors="replace")
        for folder in folders
        for file in folder.glob("*.*-info/entry_points.txt")
    )
