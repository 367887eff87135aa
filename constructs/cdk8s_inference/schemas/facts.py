"""The schemas of Kubernetes' own API and of CRDs, read from the package as they are asked for.

``scripts/schema-facts`` writes the files. They are texts of lines, of which a check parses those
of the kinds that it meets: all of it takes a tenth of a second, and one kind a millisecond.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from functools import cache, cached_property
from importlib import resources
from typing import Any

Schema = Mapping[str, Any]

RELEASES = ("1.36", "1.35", "1.34")
"""The releases of Kubernetes whose API is known, newest first."""

_REF = "#/definitions/"
_REFERENCES = re.compile(rf'"\$ref":"{_REF}([^"]+)"')


class Facts:
    """The schemas of one file.

    Attributes:
        text: Its lines: a name, the releases in which it is so, and a schema.
        right: Values that were found to be right, with the definition and what it was asked.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.right: set[tuple[Hashable, ...]] = set()
        self._parsed: dict[str, list[tuple[tuple[str, ...], Schema]]] = {}

    @cached_property
    def _lines(self) -> Mapping[str, list[tuple[str, int, int]]]:
        """The releases of each name's schemas, and where in the text these are."""
        found: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
        for match in re.finditer(r"^([^\t\n]+)\t([^\t\n]*)\t(.*)$", self.text, re.MULTILINE):
            found[match[1]].append((match[2], match.start(3), match.end(3)))
        return found

    def variants(self, name: str) -> Sequence[tuple[tuple[str, ...], Schema]]:
        """The schemas of a name, each with its releases."""
        if name not in self._parsed:
            self._parsed[name] = [
                (tuple(releases.split()), json.loads(self.text[start:end]))
                for releases, start, end in self._lines.get(name, ())
            ]
        return self._parsed[name]

    def definition(self, name: str, release: str | None = None) -> Schema | None:
        """A definition; of some release where there are several."""
        for releases, schema in self.variants(name):
            if not releases or release is None or release in releases:
                return schema
        return None

    def target(self, reference: str, release: str | None) -> Schema:
        """What a ``$ref`` names; free where that is not known."""
        return self.definition(reference[len(_REF) :], release) or {}

    def resolved(self, schema: Schema, release: str | None = None) -> Schema:
        """What a schema names, where it is a ``$ref``; else the schema."""
        return self.target(schema["$ref"], release) if "$ref" in schema else schema

    def mentions(self, name: str, word: str) -> bool:
        """Whether a word is in the schemas of a name, or in what they refer to."""
        known, todo = {name}, [name]
        while todo:
            for _, start, end in self._lines.get(todo.pop(), ()):
                if self.text.find(f'"{word}"', start, end) >= 0:
                    return True
                named = _REFERENCES.findall(self.text, start, end)
                todo += (each for each in named if each not in known)
                known.update(named)
        return False

    @cached_property
    def kinds(self) -> Mapping[str, tuple[str, ...]]:
        """The kinds of each apiVersion."""
        found: dict[str, dict[str, None]] = {}
        for name in self._lines:
            version, space, kind = name.partition(" ")
            if space:
                found.setdefault(version, {})[kind] = None
        return {version: tuple(kinds) for version, kinds in found.items()}


@cache
def kubernetes() -> Facts:
    """Kubernetes' own API."""
    return Facts(_text("kubernetes.tsv"))


@cache
def custom() -> Facts:
    """The CRDs of projects beside it."""
    return Facts(_text("custom.tsv"))


def _text(name: str) -> str:
    return (
        resources.files(__name__.rpartition(".")[0])
        .joinpath("data")
        .joinpath(name)
        .read_text("utf-8")
    )


def reference_name(schema: Schema) -> str | None:
    """The name of the definition that a schema refers to; None where it refers to none."""
    reference = schema.get("$ref")
    return reference[len(_REF) :] if isinstance(reference, str) else None
