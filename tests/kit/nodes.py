"""What JSON Schema cannot say: defaults, keys of lists, CEL rules and embedded metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.kit.celrules import Rule, broken_rules, escaped, rules_of
from tests.kit.metadata import label_problems, metadata_problems
from tests.kit.openapi import (
    LABEL_SELECTOR,
    OBJECT_META,
    Schema,
    as_object,
    embeds_object,
    ref_name,
)
from tests.kit.problem import Problem, at

_MISSING: Any = object()

# Kubernetes' own definitions leave out defaults; this is the one that a list's key needs.
_KEY_DEFAULTS = {"protocol": "TCP"}

_CHECKS: Mapping[str, Callable[[Mapping[str, Any], str], Iterator[Problem]]] = {
    OBJECT_META: metadata_problems,
    LABEL_SELECTOR: lambda selector, path: label_problems(
        selector.get("matchLabels"), at(path, "matchLabels")
    ),
}


@dataclass
class Node:
    """A place of a schema where, or below which, something is to be done."""

    properties: dict[str, Node] = field(default_factory=dict)
    items: Node | None = None
    additional: Node | None = None
    default: Any = _MISSING
    nullable: bool = False
    unique: tuple[str, ...] | None = None
    rules: tuple[Rule, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any], str], Iterator[Problem]] | None = None

    def child(self, name: str) -> Node | None:
        """The node of a field."""
        return self.properties.get(name, self.additional)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do here or below."""
        return self == Node()


def node_of(schema: Schema, definitions: Mapping[str, Schema]) -> Node | None:
    """The node of a schema, or None where nothing is to be done."""
    return _build(schema, definitions, {})


def _build(
    schema: Schema, definitions: Mapping[str, Schema], known: dict[str, Node | None]
) -> Node | None:
    name = ref_name(schema)
    if name is not None:
        if name not in known:
            # Definitions refer to themselves; such a recursion has nothing to do.
            known[name] = None
            node = _build(definitions[name], definitions, known) or Node()
            node.check = _CHECKS.get(name)
            known[name] = None if node.idle else node
        return known[name]
    if embeds_object(schema):
        schema = as_object(schema)
    node = Node(rules=rules_of(schema))
    if "default" in schema:
        node.default, node.nullable = schema["default"], bool(schema.get("nullable"))
    for key, value in schema.get("properties", {}).items():
        if child := _build(value, definitions, known):
            node.properties[key] = child
        if (alias := escaped(key)) != key:
            node.renamed[key] = alias
    if isinstance(values := schema.get("additionalProperties"), Mapping):
        node.additional = _build(values, definitions, known)
    if "items" in schema:
        node.items = _build(schema["items"], definitions, known)
    if schema.get("x-kubernetes-list-type") == "set":
        node.unique = ()
    elif schema.get("x-kubernetes-list-type") == "map":
        node.unique = tuple(schema["x-kubernetes-list-map-keys"])
    return None if node.idle else node


def with_defaults(value: Any, node: Node | None) -> Any:
    """A copy of a value with the schema's defaults, which also replace nulls."""
    if node is None:
        return value
    if isinstance(value, list):
        return [with_defaults(item, node.items) for item in value]
    if not isinstance(value, dict):
        return value
    out = {key: with_defaults(item, node.child(key)) for key, item in value.items()}
    for key, child in node.properties.items():
        if child.default is _MISSING:
            continue
        if key not in out or (out[key] is None and not child.nullable):
            out[key] = with_defaults(child.default, child)
    return out


def node_problems(value: Any, node: Node | None) -> list[Problem]:
    """Problems of a value that already has its defaults."""
    found: list[Problem] = []
    _visit(value, node, "", found)
    return found


def _visit(value: Any, node: Node | None, path: str, found: list[Problem]) -> Any:
    """Collects the problems of a value, and gives it in the form that rules see."""
    if node is None or value is None:
        return value
    seen = value
    if isinstance(value, dict):
        seen = {
            node.renamed.get(key, key): _visit(item, node.child(key), at(path, key), found)
            for key, item in value.items()
        }
        if node.check:
            found.extend(node.check(value, path))
    elif isinstance(value, list):
        if node.items:
            seen = [_visit(item, node.items, at(path, i), found) for i, item in enumerate(value)]
        if node.unique is not None:
            found.extend(_duplicates(value, node.unique, path))
    if node.rules:
        found.extend(broken_rules(node.rules, seen, path))
    return seen


def _duplicates(items: list[Any], keys: tuple[str, ...], path: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if keys:
            item = {key: item.get(key, _KEY_DEFAULTS.get(key, "")) for key in keys}
        identity = json.dumps(item, sort_keys=True)
        if identity in seen:
            yield Problem(at(path, index), f"duplicate entry {identity}")
        seen.add(identity)
