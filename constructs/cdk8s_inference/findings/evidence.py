"""What many codes are known from: a new router release is run, and then named here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

SEEN = "Seen run with router v0.8.0, v0.9.0 and v0.10.0"
"""Programs of these releases were run with the same fault; words may follow."""

SEEN_RUN = f"{SEEN}."


@dataclass(frozen=True)
class SeenRun:
    """What a rule says was seen: engines were run, and did that.

    Attributes:
        program: What was run.
        releases: Its releases.
    """

    program: str
    releases: tuple[str, ...]

    def __str__(self) -> str:
        *others, last = self.releases
        said = f"{', '.join(others)} and {last}" if others else last
        return f"Seen run with {self.program} {said}."


@dataclass(frozen=True)
class ReadInSource:
    """What a rule says follows from the source, or the documentation, of a program.

    Attributes:
        program: What was read.
    """

    program: str

    def __str__(self) -> str:
        return f"Read in the source of {self.program}."


Known: TypeAlias = "SeenRun | ReadInSource"
"""How what a rule says is known."""
