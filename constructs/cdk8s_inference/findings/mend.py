"""The one certain fix of a finding, as an edit of its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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


def requoted(value: Any, expected: str) -> Mend | None:
    """A number that is to be a text, or the other way round: but for its quotes it is right.

    Args:
        value: The value.
        expected: The type that is meant, in words: ``a string``, ``an integer``, ``true or false``.
    """
    if expected == "a string" and isinstance(value, int) and not isinstance(value, bool):
        return Mend(str(value), f'"{value}"')
    if not isinstance(value, str):
        return None
    text = value.strip()
    is_number = expected == "an integer" and text.lstrip("-").isdigit()
    is_switch = expected == "true or false" and text in ("true", "false")
    return Mend(f'"{text}"', text) if is_number or is_switch else None
