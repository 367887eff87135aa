"""Whether a configuration's values have the shape that the picker decodes them into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

from cdk8s_inference.findings import Violation, shown
from cdk8s_inference.picker_config.document import PickerDocument
from cdk8s_inference.releases.plugin_type import Parameter, ParameterKind
from cdk8s_inference.source import Cursor

Problem = tuple[Literal["unknown", "misshapen"], Violation]

_META = ("apiVersion", "kind")


def unknown_fields(document: PickerDocument) -> Iterator[Violation]:
    """Fields of the configuration itself that the release does not have, at any depth."""
    return _of("unknown", _root_problems(document))


def misshapen_fields(document: PickerDocument) -> Iterator[Violation]:
    """Values of the configuration itself that have the wrong type or are out of range."""
    return _of("misshapen", _root_problems(document))


def unknown_parameter_fields(document: PickerDocument) -> Iterator[Violation]:
    """Fields within plugins' parameters that the release does not have, where it is strict."""
    strict = document.release.picker.config.strict_parameters
    return _of("unknown", _parameter_problems(document)) if strict else iter(())


def misshapen_parameters(document: PickerDocument) -> Iterator[Violation]:
    """Plugins' parameters that have the wrong type or are out of range."""
    return _of("misshapen", _parameter_problems(document))


def _of(kind: str, problems: Iterator[Problem]) -> Iterator[Violation]:
    return (violation for found, violation in problems if found == kind)


def _root_problems(document: PickerDocument) -> Iterator[Problem]:
    root = document.root
    if not isinstance(root.value, dict):
        return
    data = {key: value for key, value in root.value.items() if key not in _META}
    fields = document.release.picker.config.fields
    yield from _problems(replace(root, value=data), fields, "this release's configuration")


def _parameter_problems(document: PickerDocument) -> Iterator[Problem]:
    for plugin in document.registered():
        assert plugin.known is not None
        known = {each.name.casefold(): each for each in plugin.known.parameters}
        for key, at in plugin.at["parameters"].fields():
            parameter = known.get(key.casefold())
            if parameter is not None:
                yield from _value_problems(at, parameter, f"plugin {plugin.type!r}")


def _problems(at: Cursor, fields: tuple[Parameter, ...], owner: str) -> Iterator[Problem]:
    """Unknown fields and wrong values, at any depth; the decoder is strict."""
    known = {field.name: field for field in fields}
    for key, child in at.fields():
        if key not in known:
            fix = f"remove it, or use one of {', '.join(known)}"
            yield "unknown", Violation(child, f"{owner} has no field {key!r}", fix=fix)
        else:
            yield from _value_problems(child, known[key], owner)


def _value_problems(at: Cursor, field: Parameter, owner: str) -> Iterator[Problem]:
    if not at.present:
        return
    if not _IS_KIND[field.kind](at.value):
        message = f"{shown(at.value)} is not a {field.kind}"
        yield "misshapen", Violation(at, message, fix=f"write a {field.kind}")
        return
    if field.minimum is not None and at.value < field.minimum:
        message = f"{at.value} is less than {field.minimum}, the minimum of {owner}"
        yield "misshapen", Violation(at, message, fix=f"write {field.minimum} or more")
    if field.kind == "list" and field.fields:
        for child in at.items():
            yield from _value_problems(child, replace(field, kind="object"), owner)
    elif field.fields:
        yield from _problems(at, field.fields, owner)


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
