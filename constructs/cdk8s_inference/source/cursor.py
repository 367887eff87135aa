"""A place in plain data that may be of any shape: rules read through it and never fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdk8s_inference.findings import Path, PathPart, Place, field_path

if TYPE_CHECKING:
    from cdk8s_inference.source.document import Document

_MAPPINGS = (dict, Mapping)
"""Any mapping; ``dict`` is asked for first, since an abstract class takes ten times as long."""

_LISTS = (list, tuple)
"""A list; Python's values have tuples too."""


# Not frozen, since that triples the time in which one is made, and rules make millions.
@dataclass(slots=True, unsafe_hash=True)
class Cursor:
    """A value and its path. What is absent, null or of another shape reads as ``None`` or empty.

    Attributes:
        value: The value.
        path: Its path in the document.
        document: The document, which knows the lines; None for values of Python.
    """

    value: Any
    path: Path = ()
    document: Document | None = field(default=None, repr=False, compare=False)

    def __getitem__(self, key: PathPart) -> Cursor:
        """The child at a key or index; a cursor on ``None`` where there is none."""
        value, child = self.value, None
        if value is None:
            pass
        elif isinstance(key, int):
            if isinstance(value, _LISTS) and key < len(value):
                child = value[key]
        elif isinstance(value, _MAPPINGS):
            child = value.get(key)
        return Cursor(child, (*self.path, key), self.document)

    def at(self, *keys: PathPart) -> Cursor:
        """The descendant at a chain of keys."""
        cursor = self
        for key in keys:
            cursor = cursor[key]
        return cursor

    def items(self) -> Iterator[Cursor]:
        """The items of a list."""
        for index in range(len(self.value) if isinstance(self.value, _LISTS) else 0):
            yield self[index]

    def fields(self) -> Iterator[tuple[str, Cursor]]:
        """The entries of a mapping."""
        for key in self.value if isinstance(self.value, _MAPPINGS) else ():
            yield str(key), self[key]

    def descendants(self) -> Iterator[Cursor]:
        """The place itself, and every place below it."""
        ahead = [self]
        while ahead:
            place = ahead.pop()
            yield place
            value = place.value
            if isinstance(value, _LISTS):
                ahead += [place[index] for index in reversed(range(len(value)))]
            elif not isinstance(value, str) and isinstance(value, _MAPPINGS):
                ahead += [place[key] for key in reversed(value)]

    @property
    def present(self) -> bool:
        """Whether something other than null is written here."""
        return self.value is not None

    @property
    def text(self) -> str | None:
        """The value where it is a string."""
        return self.value if isinstance(self.value, str) else None

    @property
    def strings(self) -> list[str]:
        """The strings of a list of strings, items of another type as empty strings."""
        return [item.text or "" for item in self.items()]

    @property
    def place(self) -> Place:
        """Where it is written, for people."""
        written = self.document
        line = None if written is None else written.line(self.path)
        return Place("", field_path(self.path), None if written is None else written.file, line)
