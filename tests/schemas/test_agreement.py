"""Ours against a library for JSON Schema: the same manifests are refused."""

from __future__ import annotations

import random
from copy import deepcopy
from functools import cache
from typing import Any

from jsonschema_rs import Draft4Validator

from cdk8s_inference.schemas import ClusterApi
from tests.kit import examples
from tests.kit.openapi import as_object, schema_problems, validator
from tests.kit.shared import custom_schema, definitions, is_custom, own_kinds

RELEASE = "1.36"
MUTANTS = 200
OBJECTS = [each for base in ("disaggregated", "gang") for each in examples.base(base)]
OTHER: tuple[Any, ...] = ("x", 7, True, ["x"], {"x": "y"}, 1.5, "")


@cache
def compiled(*of: str) -> Draft4Validator:
    known = definitions(RELEASE)
    schema = custom_schema(*of) if is_custom(*of) else known[own_kinds(RELEASE)[of[0], of[1]]]
    return validator(as_object(schema), known)


def refused(value: Any) -> bool:
    """Whether a library refuses an object by its schema."""
    return bool(schema_problems(compiled(value["apiVersion"], value["kind"]), value)[0])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(each for key, child in children for each in places(child, (*path, key)))]


def mutant(random_: random.Random) -> Any:
    value = deepcopy(random_.choice(OBJECTS))
    *parents, last = random_.choice([path for path in places(value) if len(path) > 1])
    target = value
    for step in parents:
        target = target[step]
    change = random_.randrange(3)
    if change == 0:
        target[last] = random_.choice(OTHER)
    elif change == 1:
        del target[last]
    elif isinstance(target, dict):
        target[f"{last}x"] = target.pop(last)
    return value


def test_the_same_manifests_are_refused() -> None:
    random_ = random.Random(7)
    api = ClusterApi(RELEASE)
    counts = {True: 0, False: 0}
    for _ in range(MUTANTS):
        value = mutant(random_)
        found = api.violations(value["apiVersion"], value["kind"], value)
        # What is checked in code is in no schema.
        ours = [each for each in found if each.problem != "name"]
        theirs = refused(value)
        assert bool(ours) == theirs, (value, ours)
        counts[theirs] += 1
    assert min(counts.values()) > 20
