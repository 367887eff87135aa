"""Whether a configuration's values have the shape that the picker decodes them into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from cdk8s_inference.picker_config.problem import Placed, error
from cdk8s_inference.releases.plugin_type import Parameter, ParameterKind
from cdk8s_inference.source import Cursor


def field_problems(at: Cursor, fields: tuple[Parameter, ...], owner: str) -> Iterator[Placed]:
    """Unknown fields and wrong kinds, at any depth; the decoder is strict."""
    known = {field.name: field for field in fields}
    for key, child in at.fields():
        if key not in known:
            yield error(
                "P103",
                child,
                f"{owner} has no field {key!r}",
                f"remove it, or use one of {', '.join(known)}",
            )
        else:
            yield from kind_problems(child, known[key], owner)


def kind_problems(at: Cursor, field: Parameter, owner: str) -> Iterator[Placed]:
    """A value of another kind than its field takes, and what is wrong within it."""
    if not at.present:
        return
    if not _IS_KIND[field.kind](at.value):
        yield error("P104", at, f"{at.value!r:.60} is not a {field.kind}", f"write a {field.kind}")
        return
    if field.minimum is not None and at.value < field.minimum:
        yield error(
            "P104",
            at,
            f"{at.value} is less than {field.minimum}, the least that {owner} takes",
            f"write {field.minimum} or more",
        )
    if field.kind == "list" and field.fields:
        for child in at.items():
            yield from kind_problems(child, replace(field, kind="object"), owner)
    elif field.fields:
        yield from field_problems(at, field.fields, owner)


def _is_int(value: Any) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool)


def _is_float(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_IS_KIND: dict[ParameterKind, Callable[[Any], bool]] = {
    "bool": lambda value: isinstance(value, bool),
    "duration": lambda value: isinstance(value, str) or _is_int(value),
    "float": _is_float,
    "int": _is_int,
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "quantity": lambda value: isinstance(value, str) or _is_float(value),
    "string": lambda value: isinstance(value, str),
}
