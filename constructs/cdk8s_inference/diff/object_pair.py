"""Which object of the new manifests is which of the old."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.topology import KubeObject

Key = tuple[str, str, str, str]
"""An object's API group, kind, namespace and name."""

_HASHED = ("ConfigMap", "Secret")
_HASH = re.compile(r"-(?=[a-z]*[0-9])[a-z0-9]{8,10}$")
"""The suffix of a name with a hash of the content, such as Kustomize's."""


@dataclass(frozen=True, eq=False)
class ObjectPair:
    """An object before and after.

    Attributes:
        old: Before; None where it is new.
        new: After; None where it goes.
        renamed: Whether its name alone is another one.
        hashed: Whether its name ends in a hash of its content, which changed with that.
    """

    old: KubeObject | None
    new: KubeObject | None
    renamed: bool = False
    hashed: bool = False

    @property
    def either(self) -> KubeObject:
        """After, or before where it goes."""
        found = self.new or self.old
        assert found is not None
        return found

    def __str__(self) -> str:
        return str(self.either)


def key_of(found: KubeObject) -> Key:
    """What identifies an object in a cluster; its version is a way to write it."""
    return found.group, found.kind, found.namespace, found.name


def object_pairs(old: Iterable[KubeObject], new: Iterable[KubeObject]) -> list[ObjectPair]:
    """Objects before and after, those that are in both first, each in the order that it is in.

    Objects without a name are no objects of a cluster, and of several of one name the first counts.
    """
    before, after = _by_key(old), _by_key(new)
    both = [ObjectPair(before[key], each) for key, each in after.items() if key in before]
    gone = [each for key, each in before.items() if key not in after]
    made = [each for key, each in after.items() if key not in before]
    again = list(_again(gone, made))
    paired = {id(each) for pair in again for each in (pair.old, pair.new)}
    return [
        *both,
        *again,
        *(ObjectPair(each, None) for each in gone if id(each) not in paired),
        *(ObjectPair(None, each) for each in made if id(each) not in paired),
    ]


def _by_key(objects: Iterable[KubeObject]) -> dict[Key, KubeObject]:
    found: dict[Key, KubeObject] = {}
    for each in objects:
        if each.kind and each.name:
            found.setdefault(key_of(each), each)
    return found


def _again(gone: list[KubeObject], made: list[KubeObject]) -> Iterator[ObjectPair]:
    """The objects that are there under another name."""
    left: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
    for each in made:
        left[each.group, each.kind].append(each)
    for before in gone:
        candidates = left[before.group, before.kind]
        for after in candidates:
            hashed = _is_rehashed(before, after)
            if hashed or _is_renamed(before, after):
                yield ObjectPair(before, after, renamed=not hashed, hashed=hashed)
                candidates.remove(after)
                break


def _is_rehashed(before: KubeObject, after: KubeObject) -> bool:
    stems = [_HASH.sub("", each.name) for each in (before, after)]
    cut = stems[0] != before.name and stems[1] != after.name
    same = stems[0] == stems[1] and before.namespace == after.namespace
    return before.kind in _HASHED and cut and same


def _is_renamed(before: KubeObject, after: KubeObject) -> bool:
    """Whether they differ in name or namespace alone, wherever those are repeated."""
    if before.root.value == after.root.value:
        return True
    end = os.path.commonprefix(  # noqa: RUF071 - of names, not of paths
        [before.name[::-1], after.name[::-1]]
    )[::-1]
    # A name is replaced as a whole, and with what follows it: qwen-0-decode by llama-0-decode.
    end = end[end.find("-") :] if "-" in end else ""
    stems = (before.name.removesuffix(end) or before.name, after.name.removesuffix(end))
    texts = [json.dumps(_without_home(each.root.value), sort_keys=True) for each in (before, after)]
    renamed = re.sub(rf"(?<![\w.]){re.escape(stems[0])}(?![\w.])", lambda _: stems[1], texts[0])
    return renamed == texts[1]


def _without_home(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return value
    metadata = {key: each for key, each in value["metadata"].items() if key != "namespace"}
    return {**value, "metadata": metadata}
