"""An example of what a rule detects: an input that violates it, and its fixed twin."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Literal

import yaml

REMOVED = object()
"""As a value: takes the field away."""

Kind = Literal["document", "manifests", "picker config", "python", "command"]
"""What reads the text: ``check`` the first two, an endpoint picker, Python, or a shell."""

_WIDTH = 120
"""Characters of a line of a difference: some examples are about what is long."""

_STEP = re.compile(r"\[(?P<index>\d+)\]|\[(?P<quoted>[^\]]+)\]|\.?(?P<plain>[^.\[\]]+)")


@dataclass(frozen=True)
class Edit:
    """A change of one object.

    Attributes:
        object: Its kind and name, such as ``Deployment/decode``.
        path: The field, as findings write it.
        value: What it becomes; :class:`Replaced` changes parts of a text.
    """

    object: str
    path: str
    value: Any


class Replaced:
    """A text that a field has, such as a file in a ConfigMap, with parts of it replaced."""

    def __init__(self, *edits: tuple[str, str]) -> None:
        """Takes what is replaced, as :func:`edited` does."""
        self.edits = edits


@dataclass(frozen=True)
class Example:
    """Two texts that differ in what a rule is about.

    Attributes:
        kind: What reads them.
        texts: Gives the broken one, which the rule reports, and the fixed one, of which it says
            nothing. Made on demand: a check needs neither.
        release: The router's release that reads them, such as ``v0.10.0``; empty for the newest.
        base: The file of this package's ``examples`` that the fixed one is; empty for none.
    """

    kind: Kind
    texts: Callable[[], tuple[str, str]]
    release: str = ""
    base: str = ""

    @cached_property
    def _both(self) -> tuple[str, str]:
        return self.texts()

    @property
    def broken(self) -> str:
        """The text that the rule reports."""
        return self._both[0]

    @property
    def fixed(self) -> str:
        """The text of which it says nothing."""
        return self._both[1]

    def difference(self) -> str:
        """What differs, as a unified diff with a few lines around; of objects, one by one."""
        return "\n".join(
            line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
            for line in self._difference()
        )

    def _difference(self) -> Iterator[str]:
        of = f", router {self.release}" if self.release else ""
        broken, fixed = _parts(self.broken), _parts(self.fixed)
        if len(fixed) == 1 or len(broken) < len(fixed):
            broken, fixed = [self.broken], [self.fixed]
        for before, after in zip(broken, fixed, strict=False):
            name = (_title(after) if len(fixed) > 1 else "") or self.kind
            yield from difflib.unified_diff(
                before.splitlines(),
                after.splitlines(),
                f"{name}, broken{of}",
                f"{name}, fixed{of}",
                lineterm="",
            )
        for added in broken[len(fixed) :]:
            yield from (f"-{line}" for line in added.strip().splitlines())


def manifests(base: str, *edits: Edit, added: str = "") -> Example:
    """An example of Kubernetes objects that are checked together.

    Args:
        base: A file of this package's ``examples``, without its suffix.
        edits: What breaks it.
        added: Objects that break it, as YAML.
    """
    return Example("manifests", lambda: _edited(base, edits, added), base=base)


def breaks(base: str, object: str, path: str, value: Any) -> Example:
    """An example of Kubernetes objects with one change."""
    return manifests(base, Edit(object, path, value))


def document(base: str, *edits: Edit, added: str = "") -> Example:
    """An example of ModelDeployment or ServingStack documents; see :func:`manifests`."""
    return Example("document", lambda: _edited(base, edits, added), base=base)


def rewritten(base: str, fixed: str, broken: str) -> Example:
    """An example of a document whose text is broken, or whose break reads best in place.

    Args:
        base: A file of this package's ``examples``, without its suffix.
        fixed: A part of it.
        broken: What replaces that part.
    """

    def texts() -> tuple[str, str]:
        text = example_text(base)
        return text.replace(fixed, broken), text

    return Example("document", texts, base=base)


def written(kind: Kind, broken: str, fixed: str) -> Example:
    """An example of texts as they are."""
    return Example(kind, lambda: (broken, fixed))


def python(broken: str, fixed: str) -> Example:
    """An example of Python code, with every name of ``cdk8s_inference`` at hand.

    It runs beside this package's examples, and may read them as files.
    """
    return written("python", broken, fixed)


def command(broken: str, fixed: str) -> Example:
    """An example of a command line, run beside this package's examples."""
    return written("command", broken, fixed)


def picker_config(broken: str, fixed: str, *, release: str = "") -> Example:
    """An example of a picker's configuration that disaggregates, as YAML."""
    return Example("picker config", lambda: (broken, fixed), release)


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
    elif isinstance(edit.value, Replaced):
        target[last] = edited(target[last], *edit.value.edits)
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


def example_text(base: str) -> str:
    """The text of a file of this package's ``examples``, named without its suffix."""
    folder = resources.files("cdk8s_inference.findings.examples")
    return folder.joinpath(f"{base}.yaml").read_text()


def _edited(base: str, edits: Sequence[Edit], added: str) -> tuple[str, str]:
    objects = _objects(example_text(base))
    fixed = _dumped(objects)
    for edit in edits:
        apply(objects, edit)
    return _dumped([*objects, *_objects(added)]), fixed


def _objects(text: str) -> list[Any]:
    return list(yaml.load_all(text, yaml.CSafeLoader))


def _dumped(objects: list[Any]) -> str:
    return yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=False, width=100)


def _parts(text: str) -> list[str]:
    return re.split(r"^---\n", text, flags=re.MULTILINE)


def _title(text: str) -> str:
    """Kind and name of an object, as its text has them."""
    kind = re.search(r"^kind: (.+)$", text, re.MULTILINE)
    name = re.search(r"^metadata:(?:\n .*)*?\n  name: (.+)$", text, re.MULTILINE)
    return f"{kind[1]} {name[1]}" if kind and name else ""


def _steps(path: str) -> list[Any]:
    return [
        int(match["index"]) if match["index"] else match["quoted"] or match["plain"]
        for match in _STEP.finditer(path)
    ]
