"""A release's data written as what it changed in the release before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def revised(
    previous: Sequence[_Item],
    *changes: _Item,
    without: Sequence[str] = (),
    key: Callable[[_Item], str],
) -> tuple[_Item, ...]:
    """An earlier release's items with some changed, added or removed.

    Args:
        previous: The items of the earlier release.
        changes: Items that replace the one of the same key, or are new.
        without: Keys that are gone.
        key: An item's key.

    Raises:
        ValueError: ``without`` names what was not there.
    """
    items = {key(item): item for item in previous}
    absent = [name for name in without if name not in items]
    if absent:
        raise ValueError(f"cannot remove {', '.join(absent)}: not in the earlier release")
    for item in changes:
        items[key(item)] = item
    return tuple(item for name, item in items.items() if name not in without)
