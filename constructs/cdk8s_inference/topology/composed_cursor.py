"""A value that a controller puts together from several places of an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cdk8s_inference.findings import Path, PathPart
from cdk8s_inference.source import Cursor


@dataclass(slots=True, unsafe_hash=True)
class ComposedCursor(Cursor):
    """A mapping or a list, of which each entry knows where it was written.

    Attributes:
        parts: Its entries.
    """

    parts: Mapping[PathPart, Cursor] = field(default_factory=dict)

    def __getitem__(self, key: PathPart) -> Cursor:
        """The entry at a key or index; a cursor on ``None`` where there is none."""
        part = self.parts.get(key)
        # Not super(): a dataclass with slots is another class than the one written here.
        return Cursor.__getitem__(self, key) if part is None else part


def composed_mapping(path: Path, parts: Mapping[str, Cursor]) -> Cursor:
    """A mapping of entries that were written elsewhere.

    Args:
        path: Where it would be written.
        parts: Its entries; those with a null are left out.
    """
    found: dict[PathPart, Cursor] = {key: part for key, part in parts.items() if part.present}
    return ComposedCursor({key: part.value for key, part in found.items()}, path, parts=found)


def composed_list(path: Path, parts: Sequence[Cursor]) -> Cursor:
    """A list of items that were written elsewhere."""
    found: dict[PathPart, Cursor] = dict(enumerate(parts))
    return ComposedCursor([part.value for part in parts], path, parts=found)
