"""Whether a name that was not found is one that was, mistyped."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher


def near_name(name: str, known: Iterable[str], *, least: int = 3) -> str | None:
    """The name that was meant, where what was read leaves no doubt of it.

    A reference to what was not read may be right, and its object in another folder. One edit away
    from an object that was read it is a slip - but names of a kind often differ by a number or a
    letter, as ``qwen-0`` and ``qwen-1`` do, or ``pool-a`` and ``pool-b``: those are two names.
    Of several names that are as near none is meant for sure.

    Args:
        name: The name.
        known: What it may mean.
        least: How long the parts between dashes in which they differ are at least.

    >>> near_name("quen", ["qwen"]), near_name("two-gpu", ["two-gpus"])
    ('qwen', 'two-gpus')
    >>> near_name("qwen-1", ["qwen-0"]), near_name("pool-b", ["pool-a"])
    (None, None)
    >>> near_name("fronted", ["frontend", "fronten"]) is None
    True
    """
    near = {each for each in known if _is_near(name, each, least)}
    return near.pop() if len(near) == 1 else None


def is_slip(written: str, meant: str) -> bool:
    """Whether a name is another one but for its case, or for one letter.

    >>> is_slip("nodename", "nodeName"), is_slip("targetRefs", "parentRefs")
    (True, False)
    """
    return written.lower() == meant.lower() or near_name(written, [meant]) is not None


def _is_near(name: str, meant: str, least: int) -> bool:
    if abs(len(name) - len(meant)) > 1:
        return False  # More than one edit; most names are told apart by this.
    edits = [
        (name[a:b], meant[c:d])
        for tag, a, b, c, d in SequenceMatcher(None, name, meant, False).get_opcodes()
        if tag != "equal"
    ]
    count = sum(max(len(gone), len(come)) for gone, come in edits)
    swapped = count == 2 and sorted(name) == sorted(meant)
    numbers = any(character.isdigit() for edit in edits for text in edit for character in text)
    words = {*name.split("-")} ^ {*meant.split("-")}
    return (count == 1 or swapped) and not numbers and all(len(word) >= least for word in words)
