"""A command-line flag of a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FlagKind = Literal["bool", "duration", "int", "ints", "string", "strings"]

FlagValue = bool | int | str | tuple[str, ...] | tuple[int, ...]

FlagStage = Literal["supported", "deprecated", "refused"]


@dataclass(frozen=True)
class Flag:
    """A flag that a release's program knows; any other ends it with exit code 2.

    Attributes:
        name: Without the dashes.
        kind: What it takes.
        default: Its value when not given; None for a deprecated or refused one.
        effective: What the default comes to, where an empty default stands for a value.
        stage: ``deprecated``: works, with a line in the log. ``refused``: known, and giving it
            ends the program.
        instead: What to give in place of a deprecated or refused flag.
    """

    name: str
    kind: FlagKind
    default: FlagValue | None = None
    effective: FlagValue | None = None
    stage: FlagStage = "supported"
    instead: str | None = None
