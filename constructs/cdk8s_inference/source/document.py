"""One document of a text, with the line of every field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cdk8s_inference.findings import Finding, Path, PathPart
from cdk8s_inference.source.cursor import Cursor
from cdk8s_inference.source.secrets import Secret, secrets


@dataclass(slots=True, eq=False)  # Frozen ones take twice the time to make.
class Node:
    """A value with where it stands, and how much it holds.

    Attributes:
        value: The plain data.
        line: Where it starts; where its key does in a mapping.
        children: The nodes in it.
        size: Keys and values that it holds, itself included, aliases expanded.
        length: Characters of the keys and values in it, aliases expanded.
        height: Levels of nesting in it, aliases expanded.
    """

    value: Any
    line: int
    children: Mapping[PathPart, Node]
    size: int
    length: int
    height: int

    def under(self, line: int) -> Node:
        """The same value, under a key on ``line``."""
        return Node(self.value, line, self.children, self.size, self.length, self.height)


@dataclass(frozen=True)
class Document:
    """One document of a source.

    Attributes:
        data: Its plain data.
        file: The file it came from.
        findings: What was wrong with its keys. The data lack the entries concerned, so that
            everything else in them can be checked as well.
        kustomized: Whether a Kustomization beside it may add what it lacks.
    """

    data: Any
    file: str | None = None
    findings: tuple[Finding, ...] = ()
    _root: Node | None = field(default=None, repr=False)
    kustomized: bool = False

    @property
    def root(self) -> Cursor:
        """A cursor at its root."""
        return Cursor(self.data, (), self)

    @cached_property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets in it."""
        return tuple(secrets(self.root))

    @property
    def characters(self) -> int | None:
        """How many characters its keys and values have; None where it was not read from a text."""
        return None if self._root is None else self._root.length

    def line(self, path: Path) -> int | None:
        """The line of the field at ``path``, or of its nearest parent that was written."""
        node = self._root
        if node is None:
            return None
        for part in path:
            if (child := node.children.get(part)) is None:
                break
            node = child
        return node.line

    def locate(self, finding: Finding, path: Path) -> Finding:
        """The finding, placed at the line of ``path``."""
        return finding.at(self.file, self.line(path))
