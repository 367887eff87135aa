"""What differs between two objects, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cdk8s_inference.diff.defaults import is_default
from cdk8s_inference.findings import Path, PathPart
from cdk8s_inference.pods.overlay import MERGE_KEYS
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.chart_release import yaml_in


class _Missing:
    """Where nothing is written."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""In place of a value that is not written."""

_SET_BY_SERVER = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_COMMAND = ("args", "command")


@dataclass(frozen=True)
class FieldChange:
    """A field with another value.

    Attributes:
        path: What leads to it, as people say it: ``containers[vllm]``, ``args[--port]``.
        old: Its value before; :data:`MISSING` where it was not written.
        new: Its value after; :data:`MISSING` where it is not written.
        at: Where that is in the object before, and in the one after; the nearest that is written.
        is_default: Whether it is what the API server would have set anyway.
    """

    path: tuple[str, ...]
    old: Any
    new: Any
    at: tuple[Path, Path]
    is_default: bool = False

    def __str__(self) -> str:
        return ".".join(self.path)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields that lead to it, without places in lists."""
        return tuple(step.partition("[")[0] for step in self.path)

    def is_below(self, *path: str) -> bool:
        """Whether it is a field, or within one."""
        return self.names[: len(path)] == path


def field_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[FieldChange]:
    """What differs between two objects of one kind, but for what a server or controller sets.

    Items of lists are compared with those of the same name, flags with those of the same name.
    """
    found = _Changes(str(new.get("kind")))
    found.mapping(_cleaned(old), _cleaned(new), (), ((), ()))
    return found.changes


def _cleaned(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without what nobody writes; the paths of what is left are its own."""
    found = {key: each for key, each in value.items() if key != "status"}
    metadata = found.get("metadata")
    if isinstance(metadata, Mapping):
        found["metadata"] = {
            key: each for key, each in metadata.items() if key not in _SET_BY_SERVER
        }
    return found


_At = tuple[Path, Path]


class _Changes:
    """Collects what differs, in the order of the new object."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.changes: list[FieldChange] = []

    def add(self, path: tuple[str, ...], old: Any, new: Any, at: _At) -> None:
        names = tuple(step.partition("[")[0] for step in path)
        # An item of a list is no field that has a default, and may be called as one is.
        field = not path[-1].endswith("]")
        quiet = field and all(
            each is MISSING or is_default(self.kind, names, each) for each in (old, new)
        )
        self.changes.append(FieldChange(path, old, new, at, quiet))

    def value(self, old: Any, new: Any, path: tuple[str, ...], at: _At) -> None:
        if old == new and type(old) is type(new):
            return
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            self.mapping(old, new, path, at)
        elif isinstance(old, list) and isinstance(new, list):
            self.list(old, new, path, at)
        elif old is MISSING and isinstance(new, Mapping) and new and _has_defaults(path):
            self.mapping({}, new, path, at)
        elif new is MISSING and isinstance(old, Mapping) and old and _has_defaults(path):
            self.mapping(old, {}, path, at)
        elif isinstance(old, str) and isinstance(new, str) and "\n" in old and "\n" in new:
            self.text(old, new, path, at)
        elif not (old in (None, MISSING) and new in (None, MISSING)):
            self.add(path, old, new, at)

    def mapping(
        self, old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...], at: _At
    ) -> None:
        for key in dict.fromkeys((*new, *old)):
            step = str(key) if "." not in str(key) and "/" not in str(key) else f"[{key}]"
            below = (*path, step)
            if step.startswith("[") and path:
                below = (*path[:-1], f"{path[-1]}{step}")
            values = (old.get(key, MISSING), new.get(key, MISSING))
            self.value(*values, below, _within(at, (key, key), values))

    def list(self, old: list[Any], new: list[Any], path: tuple[str, ...], at: _At) -> None:
        field = path[-1].partition("[")[0] if path else ""
        before, after = _keyed(old, new, field)
        count = len(self.changes)
        for name in dict.fromkeys((*after, *before)):
            index = (before.get(name, (0,))[0], after.get(name, (0,))[0])
            values = (
                before[name][1] if name in before else MISSING,
                after[name][1] if name in after else MISSING,
            )
            step = f"{path[-1]}[{name}]"
            self.value(*values, (*path[:-1], step), _within(at, index, values))
        is_same = [name for name in before if name in after] != [
            name for name in after if name in before
        ]
        if is_same and field in (*_COMMAND, "initContainers", "env", "rules", "plugins"):
            self.add((*path, "order"), list(before), list(after), at)
        elif len(self.changes) == count:
            # Flags in another spelling, or items in another order: pods are others by that.
            self.add(path, old, new, at)

    def text(self, old: str, new: str, path: tuple[str, ...], at: _At) -> None:
        """Of YAML within a text the fields that differ, of another text all of it."""
        parsed = [yaml_in(Cursor(each)).value for each in (old, new)]
        if all(isinstance(each, Mapping) for each in parsed):
            nested = _Changes("")
            nested.mapping(parsed[0], parsed[1], path, ((), ()))
            if nested.changes:
                self.changes += [
                    FieldChange(each.path, each.old, each.new, at) for each in nested.changes
                ]
                return
        self.add(path, old, new, at)


def _has_defaults(path: tuple[str, ...]) -> bool:
    return path[-1] in ("strategy", "rollingUpdate", "rolloutStrategy", "networkConfig", "metadata")


def _within(at: _At, keys: tuple[PathPart, PathPart], values: tuple[Any, Any]) -> _At:
    one, other = (
        path if value is MISSING else (*path, key)
        for path, key, value in zip(at, keys, values, strict=True)
    )
    return one, other


_Keyed = dict[str, tuple[int, Any]]


def _keyed(old: list[Any], new: list[Any], field: str) -> tuple[_Keyed, _Keyed]:
    """The items of two lists by what tells them apart: a name, a merge key, a flag, a place."""
    both = (*old, *new)
    if all(isinstance(item, str) for item in both):
        if field in _COMMAND:
            return _flags(old), _flags(new)
        if all(len(set(each)) == len(each) for each in (old, new)):
            one, other = ({item: (at, item) for at, item in enumerate(each)} for each in (old, new))
            return one, other
    merge_keys = ["name", *([MERGE_KEYS[field]] if field in MERGE_KEYS else ()), "port", "type"]
    if all(isinstance(item, Mapping) for item in both):
        for key in merge_keys:
            if all(_are_told_apart(each, key) for each in (old, new)):
                one, other = (
                    {str(item[key]): (at, item) for at, item in enumerate(each)}
                    for each in (old, new)
                )
                return one, other
    one, other = ({str(at): (at, item) for at, item in enumerate(each)} for each in (old, new))
    return one, other


def _are_told_apart(items: list[Any], key: str) -> bool:
    found = [item.get(key) for item in items]
    scalars = all(isinstance(each, (str, int)) for each in found)
    return scalars and len(set(map(str, found))) == len(found)


def _flags(words: list[str]) -> _Keyed:
    """The words of a command by their flags; words without one by their place among such."""
    found: _Keyed = {}
    for name, at, value in _named_words(words):
        key, number = name, 2
        while key in found:
            key, number = f"{name} #{number}", number + 1
        found[key] = (at, value)
    return found


def _named_words(words: list[str]) -> Iterator[tuple[str, int, str]]:
    at, plain = 0, 0
    while at < len(words):
        word = words[at]
        name, equals, value = word.partition("=")
        # A word of several lines or blanks is a script.
        if word.startswith("-") and equals and not name.strip().count(" "):
            yield name, at, value
        elif word.startswith("-") and " " not in word.strip():
            has_value = at + 1 < len(words) and not words[at + 1].startswith("-")
            yield word, at, words[at + 1] if has_value else ""
            at += has_value
        else:
            yield str(plain), at, word
            plain += 1
        at += 1
