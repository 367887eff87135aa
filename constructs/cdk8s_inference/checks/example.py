"""An example of what a rule catches: a deployment that works, and one change that breaks it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

REMOVED = object()
"""As a value: takes the field away."""

_STEP = re.compile(r"\[(?P<index>\d+)\]|\[(?P<quoted>[^\]]+)\]|\.?(?P<plain>[^.\[\]]+)")


@dataclass(frozen=True)
class Edit:
    """A change of one object.

    Attributes:
        object: Its kind and name, such as ``Deployment/decode``.
        path: The field, as findings write it.
        value: What it becomes.
    """

    object: str
    path: str
    value: Any


@dataclass(frozen=True)
class Example:
    """A deployment of this package's examples, and what breaks it.

    Attributes:
        base: The file's name.
        edits: The changes.
        added: Objects that are added, as YAML.
    """

    base: str
    edits: tuple[Edit, ...] = ()
    added: str = ""

    def mended(self) -> list[Any]:
        """The deployment as it works."""
        return deepcopy(_base(self.base))

    def broken(self) -> list[Any]:
        """The deployment as the rule catches it."""
        objects = self.mended()
        for edit in self.edits:
            apply(objects, edit)
        return [*objects, *yaml.safe_load_all(self.added)]

    def difference(self) -> str:
        """What the broken one has and the mended one has not, with a few lines around."""
        shown: list[str] = []
        broken = self.broken()
        for before, after in zip(self.mended(), broken, strict=False):
            if before != after:
                name = f"{before['kind']} {before['metadata']['name']}"
                lines = difflib.unified_diff(
                    _lines(after),
                    _lines(before),
                    f"{name}, broken",
                    f"{name}, mended",
                    "",
                    "",
                    3,
                    "",
                )
                shown += lines
        if self.added:
            shown += [f"-{line}" for line in self.added.strip().splitlines()]
        return "\n".join(shown)


def breaks(base: str, object: str, path: str, value: Any) -> Example:
    """An example of one change."""
    return Example(base, (Edit(object, path, value),))


def apply(objects: Sequence[Any], edit: Edit) -> None:
    """Changes an object in place.

    Raises:
        ValueError: There is no such object.
        LookupError: There is no such field to change.
    """
    kind, _, name = edit.object.partition("/")
    (target,) = (
        each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )
    *parents, last = _steps(edit.path)
    for step in parents:
        target = target.setdefault(step, {}) if isinstance(target, dict) else target[step]
    if edit.value is REMOVED:
        del target[last]
    elif isinstance(target, list) and last == len(target):
        target.append(edit.value)
    else:
        target[last] = edit.value


def edited(text: str, *edits: tuple[str, str]) -> str:
    """A text with the first of each two strings, where it first occurs, replaced by the second.

    Raises:
        ValueError: A string does not occur.
    """
    for old, new in edits:
        if old not in text:
            raise ValueError(f"{old!r} is not in the text")
        text = text.replace(old, new, 1)
    return text


def _steps(path: str) -> list[Any]:
    return [
        int(match["index"]) if match["index"] else match["quoted"] or match["plain"]
        for match in _STEP.finditer(path)
    ]


def _lines(value: Any) -> list[str]:
    return yaml.safe_dump(value, sort_keys=False, width=100).splitlines()


@cache
def _base(name: str) -> list[Any]:
    folder = resources.files("cdk8s_inference.checks.examples")
    return list(yaml.safe_load_all(folder.joinpath(f"{name}.yaml").read_text()))
