"""Text that a terminal or a log shows as it is, whatever is in it."""

from __future__ import annotations


def escaped(text: str) -> str:
    """A text without characters that control a terminal, or that change how others are shown.

    Input may hold any: escape sequences, also those of one byte, bells, line breaks, characters
    that turn the direction of the text, half a pair of UTF-16, bytes that are not UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
