"""Each constraint of Modelplane's schemas, one by one: at its limit, and beyond it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from cdk8s_inference.document.model_deployment import (
    EnginesUnderSpecDocument,
    Model,
    ModelDeploymentDocument,
)
from cdk8s_inference.findings import Path, errors, field_path
from tests.document.builders import (
    ABSENT,
    Json,
    at,
    edited,
    everything,
    everything_current,
    findings,
    under_spec,
)
from tests.document.rules.test_fields import CASES
from tests.document.test_differential import CURRENT, UNDER_SPEC, deliberate, with_cel
from tests.kit.schemas import Xrd, unsupported_rules, xrd_problems
from tests.kit.shared import custom_schema

shapes = pytest.mark.parametrize("shape", [CURRENT, UNDER_SPEC], ids=str)


def sample(shape: Xrd) -> Json:
    """A valid document with every field of the shape."""
    return everything_current() if shape == CURRENT else under_spec(everything())


def schema_of(shape: Xrd) -> Json:
    spec: Json = custom_schema(*shape)["properties"]["spec"]
    return spec


def nodes(schema: Json, path: str = "spec") -> Iterator[tuple[str, Json]]:
    """Every node of a schema; a path has `[]` for items and `{}` for values of a free mapping."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def places(value: Any, schema: Json, path: Path = ("spec",), name: str = "spec") -> Iterator[Any]:
    """Every place of a document with the node of the schema there, and its path in the schema."""
    yield path, name, schema
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, schema["items"], (*path, index), f"{name}[]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in schema.get("properties", {}):
                yield from places(item, schema["properties"][key], (*path, key), f"{name}.{key}")
            else:
                child = schema["additionalProperties"]
                yield from places(item, child, (*path, key), f"{name}{{}}")


def with_value(document: Json, path: Path, value: Any) -> Json:
    result = copy.deepcopy(document)
    at(result, path[:-1])[path[-1]] = value
    return result


WRONG_TYPE: dict[str, Any] = {
    "string": 1, "integer": "1", "boolean": "true", "array": {}, "object": [],
}  # fmt: skip


def _several(items: list[Any], count: int) -> list[Any]:
    copies = [copy.deepcopy(items[0]) for _ in range(count)]
    for index, item in enumerate(copies):
        if isinstance(item.get("name"), str) and item["name"] != "engine":
            item["name"] = f"n{index}"
    return copies


def at_the_limit(schema: Json, value: Any) -> Iterator[Any]:
    """Values that a node's own constraints allow, only just."""
    yield from schema.get("enum", ())
    for key in ("minimum", "maximum"):
        if key in schema:
            yield schema[key]
    if "maxLength" in schema:
        yield "a" * schema["maxLength"]
    for key in ("minItems", "maxItems"):
        if key in schema:
            yield _several(value, schema[key])
    if "maxProperties" in schema:
        yield {f"k{index}": "" for index in range(schema["maxProperties"])}


def beyond(schema: Json, value: Any) -> Iterator[Any]:
    """Values that a node's own constraints refuse: one or more for each constraint."""
    yield WRONG_TYPE[schema["type"]]
    if "enum" in schema:
        yield from ("", "Unlisted", schema["enum"][0].lower())
    if "minimum" in schema:
        yield from (schema["minimum"] - 1, -(2**70))
    if "maximum" in schema:
        yield from (schema["maximum"] + 1, 2**70)
    if "minLength" in schema:
        yield ""
    if "maxLength" in schema:
        yield "a" * (schema["maxLength"] + 1)
    if "minItems" in schema:
        yield []
    if "maxItems" in schema:
        yield _several(value, schema["maxItems"] + 1)
    if "minProperties" in schema:
        yield {}
    if "maxProperties" in schema:
        yield {f"k{index}": "" for index in range(schema["maxProperties"] + 1)}
    for key in schema.get("required", ()):
        if "default" not in schema["properties"][key]:
            yield {name: item for name, item in value.items() if name != key}
            yield {**value, key: None}
    if "properties" in schema:
        yield {**value, "surplus": 1}
        yield {**value, "surplus": None}
    if schema.get("x-kubernetes-list-type") == "map":
        yield [*value, value[0]]


HANDLED = {
    "type", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    "minProperties", "maxProperties", "required", "properties", "items", "additionalProperties",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    # Tests of their own, below.
    "default", "x-kubernetes-validations",
    # Says nothing of values.
    "description",
}  # fmt: skip


@shapes
def test_every_constraint_has_its_turn(shape: Xrd) -> None:
    schema = schema_of(shape)
    assert {key for _, node in nodes(schema) for key in node} <= HANDLED
    document = sample(shape)
    visited = {name for _, name, _ in places(document["spec"], schema)}
    assert visited == {path for path, _ in nodes(schema)}
    assert errors(findings(document)) == []
    assert xrd_problems(document, shape) == []


@shapes
def test_what_a_constraint_refuses_is_refused(shape: Xrd) -> None:
    document = sample(shape)
    tried = 0
    for path, _, schema in places(document["spec"], schema_of(shape)):
        for value in beyond(schema, at(document, path)):
            broken = with_value(document, path, value)
            contract = [f for f in errors(findings(broken)) if not deliberate(f, shape)]
            if value is not None and None not in getattr(value, "values", list)():
                assert xrd_problems(broken, shape), (path, value)
            assert contract, (path, value)
            tried += 1
    assert tried > 200


@with_cel
@shapes
def test_what_a_constraint_allows_only_just_is_allowed(shape: Xrd) -> None:
    document = sample(shape)
    tried = 0
    for path, _, schema in places(document["spec"], schema_of(shape)):
        for value in at_the_limit(schema, at(document, path)):
            edge = with_value(document, path, value)
            contract = [f for f in errors(findings(edge)) if not deliberate(f, shape)]
            reference = xrd_problems(edge, shape)
            # A rule between fields may refuse it, but then both do.
            assert bool(contract) == bool(reference), (path, value, contract, reference)
            assert not {"D006", "D007", "D008"} & {f.code for f in contract}, (path, value)
            tried += 1
    assert tried > 50


def _dumped(document: Json, shape: Xrd) -> Any:
    model: type[Model] = ModelDeploymentDocument if shape == CURRENT else EnginesUnderSpecDocument
    return model.model_validate(document, by_alias=True, by_name=False).model_dump()


@shapes
def test_defaults_are_the_same(shape: Xrd) -> None:
    document = sample(shape)
    tried = 0
    for path, _, schema in places(document["spec"], schema_of(shape)):
        for key, child in schema.get("properties", {}).items():
            if "default" not in child:
                continue
            for absent in (ABSENT, None):
                place = field_path((*path, key))
                found = _dumped(edited(document, place, absent), shape)
                assert at(found, path)[key] == child["default"], place
                tried += 1
    assert tried > 10


@with_cel
@shapes
def test_every_rule_of_the_schema_is_broken_by_a_case(shape: Xrd) -> None:
    assert unsupported_rules(shape) == []
    rules = {
        f"failed rule: {rule['rule']}"
        for _, node in nodes(schema_of(shape))
        for rule in node.get("x-kubernetes-validations", ())
    }
    broken: set[str] = set()
    for case in CASES:
        document = edited(case.base(), case.at, case.broken)
        if case.either_shape or shape == CURRENT:
            document = document if shape == CURRENT else under_spec(document)
            broken |= {problem.message for problem in xrd_problems(document, shape)}
    assert len(rules) >= 7
    assert rules <= broken
