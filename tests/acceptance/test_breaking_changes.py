"""A table of changes that break deployments, written without sight of the rules: who is told."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cdk8s_inference.findings import Finding
from cdk8s_inference.releases import ROUTER_NEWEST
from tests.checks.mutations import baseline, caught, gateways
from tests.checks.rendered import Json, rendered

CHANGES: list[Json] = yaml.safe_load(Path(__file__).with_name("breaking_changes.yaml").read_text())
TOLD = 0.95


def test_nearly_all_are_told() -> None:
    made: Counter[str] = Counter()
    slipped: Counter[str] = Counter()
    for change in CHANGES:
        made[change["shape"]] += 1
        if not caught(changed(change), _before(change["shape"])):
            slipped[change["shape"]] += 1
            print(f"not told: {json.dumps(change)}")
    for shape, count in made.items():
        print(f"{shape}: {count - slipped[shape]} of {count}")
    print(f"{made.total() - slipped.total()} of {made.total()}")
    assert slipped.total() <= (1 - TOLD) * made.total()


@cache
def _before(shape: str) -> list[Finding]:
    return baseline(shape, ROUTER_NEWEST)


def changed(change: Json) -> list[Json]:
    """The objects of a shape, with a change."""
    objects = [*rendered(change["shape"], ROUTER_NEWEST), *gateways(change["shape"])]
    if "add" in change:
        return [*objects, *change["add"]]
    kind, name = change["in"].split("/")
    (target,) = (
        each
        for each in objects
        if each["kind"] == kind and re.search(rf"(^|\W){name}$", each["metadata"]["name"])
    )
    if "drop" in change:
        return [each for each in objects if each is not target]
    *parents, last = _keys(change["at"])
    owner: Any = target
    for key in parents:
        is_map = isinstance(owner, dict)
        owner = owner.setdefault(key, {}) if is_map else owner[_index(owner, key)]
    at = last if isinstance(owner, dict) else _index(owner, last)
    if "gone" in change:
        del owner[at]
    elif "swap" in change:
        owner[at] = _swapped(owner[at], *change["swap"])
        owner[at] += [change["add_arg"]] if "add_arg" in change else owner[at][:0]
    else:
        owner[at] = change["to"]
    return objects


def _keys(path: str) -> Iterator[str]:
    for quoted, plain in re.findall(r'"([^"]+)"|([^."]+)', path):
        yield quoted or plain


def _index(items: list[Any], key: str) -> int:
    """The place of an item of a list, by number or by name."""
    if key.isdigit():
        return int(key)
    return next(index for index, item in enumerate(items) if item.get("name") == key)


def _swapped(value: Any, old: str, new: str | None) -> Any:
    if isinstance(value, str):
        assert old in value, old
        return value.replace(old, new or "", 1)
    assert any(old in each for each in value), old
    if new is None:
        return [each for each in value if each != old]
    return [each.replace(old, new, 1) for each in value]
