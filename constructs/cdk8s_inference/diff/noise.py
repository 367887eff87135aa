"""Changes that say nothing by themselves, and changes that are one in many places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cdk8s_inference.diff.field_change import FieldChange
from cdk8s_inference.diff.object_pair import ObjectPair
from cdk8s_inference.topology import KubeObject

_CHECKSUM = re.compile(r"checksum|(^|[/.-])(config-?|content-?|spec-?)?hash$", re.IGNORECASE)
_VERSION_LABELS = ("helm.sh/chart", "app.kubernetes.io/version", "chart")
_PLAIN = ("value", "name", "number", "port", "containerPort", "count", "path", "key")
"""Names of fields that say nothing without what they are fields of."""


@dataclass(frozen=True)
class Place:
    """Where something changes.

    Attributes:
        object: The object.
        change: What changes there.
        pair: The object before and after.
    """

    object: str
    change: FieldChange
    pair: ObjectPair


@dataclass(frozen=True)
class ChangeGroup:
    """One change in all of its places.

    Attributes:
        field: The field: its whole path where it changes in one place, else its own name.
        places: Where.
    """

    field: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Folded:
    """Changes, grouped, without noise.

    Attributes:
        groups: The changes, each once.
        noise: How many changes of each kind are folded: ``checksums``, ``labels of a chart's
            version``, ``names with a hash``, ``defaults written or left out``.
    """

    groups: tuple[ChangeGroup, ...]
    noise: Mapping[str, int]


def folded(changes: Mapping[ObjectPair, Sequence[FieldChange]]) -> Folded:
    """Changes of objects, grouped, without noise."""
    hashes = {
        (pair.old.name, pair.new.name) for pair in changes if pair.hashed and pair.old and pair.new
    }
    noise: dict[str, int] = {}
    groups: dict[tuple[str, str, str], list[Place]] = {}
    for pair, each in changes.items():
        for change in each:
            kind = noise_of(change, hashes)
            if kind is not None:
                noise[kind] = noise.get(kind, 0) + 1
                continue
            old, new = (
                _anonymous(value, found)
                for value, found in ((change.old, pair.old), (change.new, pair.new))
            )
            key = (own_name(change), old, new)
            groups.setdefault(key, []).append(Place(str(pair), change, pair))
    return Folded(
        tuple(
            ChangeGroup(str(places[0].change) if len(places) == 1 else name, tuple(places))
            for (name, _, _), places in groups.items()
        ),
        noise,
    )


def noise_of(change: FieldChange, hashes: Iterable[tuple[str, str]] = ()) -> str | None:
    """What kind of noise a change is; None where it says something.

    Args:
        change: The change.
        hashes: Names before and after that differ in a hash of their content alone.
    """
    if change.is_default:
        return "defaults written or left out"
    last = change.path[-1]
    own = last[:-1].partition("[")[2] if last.endswith("]") else last
    if "labels" in change.names and own in _VERSION_LABELS:
        return "labels of a chart's version"
    if "annotations" in change.names and _CHECKSUM.search(own):
        return "checksums"
    texts = isinstance(change.old, str) and isinstance(change.new, str)
    if texts and (change.old, change.new) in set(hashes):
        return "names with a hash"
    return None


def _anonymous(value: object, found: KubeObject | None) -> str:
    """A value as text; of one that names its own object within, as in any other object."""
    text = repr(value)
    if found is None or not isinstance(value, (dict, list)):
        return text
    return text.replace(found.name, "\0")


def own_name(change: FieldChange) -> str:
    """The end of a path that says what field it is."""
    last = change.path[-1]
    if last in _PLAIN and len(change.path) > 1:
        return f"{change.path[-2]}.{last}"
    return last
