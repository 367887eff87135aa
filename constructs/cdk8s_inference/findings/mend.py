"""The one certain fix of a finding, as an edit of its file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mend:
    """A text that stands on the line of a finding, and what is to stand there instead.

    Only where nothing else can be meant.

    Attributes:
        old: The text.
        new: What replaces it.
    """

    old: str
    new: str
