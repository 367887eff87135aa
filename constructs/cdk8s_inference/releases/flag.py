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
        name: Without the dashes; the same in every release.
        kind: What it takes.
        default: Its value when not given; None for a deprecated or refused one.
        effective: What the default comes to, where an empty default stands for a value.
        stage: ``deprecated``: works, with a line in the log. ``refused``: known, and giving it
            ends the program.
        instead: What to give in place of a deprecated or refused flag.
        spelling: How the release writes it, where that is not its name in other releases.
        variable: The environment variable that is read where the flag is not given.
    """

    name: str
    kind: FlagKind
    default: FlagValue | None = None
    effective: FlagValue | None = None
    stage: FlagStage = "supported"
    instead: str | None = None
    spelling: str | None = None
    variable: str | None = None

    @property
    def written(self) -> str:
        """How the release writes it, without dashes."""
        return self.spelling or self.name
