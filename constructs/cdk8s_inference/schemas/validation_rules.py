"""The rules of CRDs in CEL, as the API server holds them against an object that is created.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/,
"Validation rules".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.findings import Path, shown
from cdk8s_inference.schemas.facts import Facts, Schema
from cdk8s_inference.schemas.violation import SchemaViolation
from cdk8s_inference.source.placeholder import has_placeholder, placeholder_in

RULES = "x-kubernetes-validations"

_LARGEST = 2000
"""Values in an object beyond which its rules are left alone: some compare each with each."""

_LISTED = 4
"""How many values of a list are told."""

# fmt: off
_RESERVED = frozenset([
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function",
    "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
])
# fmt: on
_UNESCAPED = {f"__{each}__": each for each in _RESERVED}
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_FIELDS = r"((?:\.[A-Za-z_]\w*\b(?!\())*)"
_MACRO = re.compile(rf"(?<![\w.])self{_FIELDS}\.(?:all|exists|exists_one|filter|map)\(\s*(\w+)\s*,")


@dataclass(frozen=True)
class Ruled:
    """A value that rules are about.

    Attributes:
        path: Where it is.
        value: The value.
        schema: Its schema, which has the rules.
    """

    path: Path
    value: Any
    schema: Schema


def broken_rules(
    found: Iterable[Ruled], facts: Facts, *, certain: bool
) -> Iterator[SchemaViolation]:
    """What rules say against values that are otherwise right.

    A rule that compares with an earlier state, calls a function that is not known here, or fails,
    says nothing. Where one fails, the others of that value say nothing either, unless the cluster
    is known to have them: who has such an object applied it where there are other rules.

    Args:
        found: The values.
        facts: What references of their schemas name.
        certain: See :class:`SchemaViolation`.
    """
    from cdk8s_inference.cel.evaluation import holds, is_known

    for each in found:
        if not _is_settled(each.value):
            continue
        value = _seen(each.value, each.schema, facts)
        rules = [entry["rule"] for entry in each.schema[RULES] if "oldSelf" not in entry["rule"]]
        verdicts = [(rule, holds(rule, value)) for rule in rules]
        if not certain and any(verdict is None and is_known(rule) for rule, verdict in verdicts):
            continue
        for rule, verdict in verdicts:
            if verdict is False:
                yield _violation(" ".join(rule.split()), each, certain=certain)


def _is_settled(value: Any) -> bool:
    """Whether nothing in a value is replaced before it is applied, and it is not too large."""
    count, todo = 0, [value]
    while todo:
        each = todo.pop()
        count += 1
        if count > _LARGEST:
            return False
        if isinstance(each, Mapping):
            todo += [*each, *each.values()]
        elif isinstance(each, list):
            todo += each
        elif isinstance(each, str) and (has_placeholder(each) or placeholder_in(each)):
            return False
    return True


def _seen(value: Any, schema: Schema, facts: Facts) -> Any:
    """A value as rules see it: with defaults, without nulls and what its schema does not name."""
    schema = facts.resolved(schema)
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_seen(each, items, facts) for each in value]
    if schema.get("type") == "number" and isinstance(value, int):
        return float(value)
    if not isinstance(value, Mapping):
        return value
    properties, values = schema.get("properties", {}), schema.get("additionalProperties")
    seen: dict[str, Any] = {}
    for key, inner in properties.items():
        child, inner = value.get(key), facts.resolved(inner)
        if child is None and not (key in value and inner.get("nullable")):
            if "default" not in inner:
                continue
            child = inner["default"]
        seen[_escaped(key)] = _seen(child, inner, facts)
    if isinstance(values, Mapping):
        seen |= {str(key): _seen(each, values, facts) for key, each in value.items()}
    return seen


def _escaped(name: str) -> str:
    """A field's name as expressions spell it.

    >>> _escaped("namespace"), _escaped("x-id")
    ('__namespace__', 'x__dash__id')
    """
    if name in _RESERVED:
        return f"__{name}__"
    return re.sub(r"__|[.\-/]", lambda match: _ESCAPES[match[0]], name)


def _violation(rule: str, ruled: Ruled, *, certain: bool) -> SchemaViolation:
    own = dict.fromkeys(_fields_of("self", rule))
    read = {path: _at(ruled.value, path) for path in own if path}
    said = [f"{'.'.join(map(str, path))} is {_told(value)}" for path, value in read.items()]
    for match in _MACRO.finditer(rule):
        items = _at(ruled.value, _path(match[1]))
        for path in dict.fromkeys(_fields_of(match[2], rule)) if isinstance(items, list) else ():
            values = [_at(each, path) for each in items]
            told = _listed([each for each in values if _is_scalar(each)])
            if path and told:
                said.append(f"{'.'.join(map(str, path))} is {told}")
    places = [path for path, value in read.items() if value is not None]
    return SchemaViolation(
        "rule",
        (*ruled.path, *(places[0] if places else ())),
        f"{', '.join(dict.fromkeys(said)) or f'is {_told(ruled.value)}'}; must be true: {rule}",
        certain=certain,
        related=tuple((*ruled.path, *path) for path in places[1:4]),
    )


def _fields_of(name: str, rule: str) -> Iterator[Path]:
    """The fields of a variable that a rule reads."""
    for match in re.finditer(rf"(?<![\w.]){name}{_FIELDS}", rule):
        yield _path(match[1])


def _path(text: str) -> Path:
    return tuple(_UNESCAPED.get(each, each) for each in text.split(".")[1:])


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str))


def _listed(values: list[Any]) -> str:
    more = len(values) - _LISTED
    return ", ".join(map(shown, values[:_LISTED])) + (f" and {more} more" if more > 0 else "")


def _told(value: Any) -> str:
    if value is None:
        return "not set"
    if _is_scalar(value):
        return shown(value)
    if isinstance(value, list) and value and all(map(_is_scalar, value)):
        return _listed(value)
    return "set" if value else "empty"
