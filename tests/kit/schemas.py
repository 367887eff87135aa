"""Validates manifests offline, as strictly as a server-side strict dry run.

The schemas go through `jsonschema-rs`: it takes microseconds where `jsonschema` takes
milliseconds, and its patterns mean what Go's do. What a schema cannot say is in the modules beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema_rs import Draft4Validator

from tests.kit.celrules import rules_of
from tests.kit.metadata import name_problems
from tests.kit.nodes import Node, node_of, node_problems, with_defaults
from tests.kit.objects import object_problems
from tests.kit.openapi import Schema, as_object, schema_problems, validator
from tests.kit.pods import workload_problems
from tests.kit.problem import Problem
from tests.kit.shared import KUBERNETES_RELEASES, custom_schema, definitions, is_custom, own_kinds

__all__ = [
    "KUBERNETES_RELEASES",
    "Problem",
    "problems",
    "unsupported_rules",
    "xrd_problems",
]

Xrd = tuple[str, str, str]
"""The apiVersion, kind and release of a Crossplane XRD."""


def problems(manifest: Mapping[str, Any], *, kubernetes: str) -> list[Problem]:
    """What an API server of this release would refuse in a manifest; empty if nothing."""
    api_version, kind = manifest.get("apiVersion"), manifest.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return [Problem("", "apiVersion and kind are missing")]
    if name := own_kinds(kubernetes).get((api_version, kind)):
        # To the decoder of a native type, null is absence.
        instance, compiled = _without_nulls(manifest), _own(kubernetes, name)
    elif is_custom(api_version, kind):
        instance, compiled = manifest, _custom(api_version, kind)
    else:
        return [Problem("", f"no schema of {api_version} {kind} in Kubernetes {kubernetes}")]
    found, defaulted = _check(instance, compiled)
    if defaulted is not None:
        found += name_problems(kind, defaulted["metadata"])
        found += workload_problems(defaulted)
        found += object_problems(defaulted)
    return found


def xrd_problems(document: Mapping[str, Any], xrd: Xrd) -> list[Problem]:
    """What an XRD of Modelplane refuses in a document; its metadata and status are free."""
    return _check(document, _composite(xrd))[0]


def unsupported_rules(xrd: Xrd) -> list[str]:
    """The rules of an XRD that cannot be evaluated here."""
    return sorted(
        {
            f"{rule.text}: {rule.unsupported}"
            for schema in _schemas_in(custom_schema(*xrd))
            for rule in rules_of(schema)
            if rule.unsupported
        }
    )


@dataclass(frozen=True)
class _Compiled:
    validator: Draft4Validator
    node: Node | None


def _check(
    instance: Mapping[str, Any], compiled: _Compiled
) -> tuple[list[Problem], Mapping[str, Any] | None]:
    """Problems by the schema, and the object with defaults if it is sound enough to go on."""
    defaulted = with_defaults(instance, compiled.node)
    found, sound = schema_problems(compiled.validator, defaulted)
    if not sound:
        return found, None
    return found + node_problems(defaulted, compiled.node), defaulted


@cache
def _own(kubernetes: str, name: str) -> _Compiled:
    return _compile(as_object(definitions(kubernetes)[name]), kubernetes)


@cache
def _custom(api_version: str, kind: str) -> _Compiled:
    schema = custom_schema(api_version, kind)
    # Object metadata is the same in all releases, so a custom resource is compiled only once.
    return _compile(as_object(schema), KUBERNETES_RELEASES[-1])


@cache
def _composite(xrd: Xrd) -> _Compiled:
    api_version, kind, _ = xrd
    schema = custom_schema(*xrd)
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    named = {
        "apiVersion": {"type": "string", "enum": [api_version]},
        "kind": {"type": "string", "enum": [kind]},
        "metadata": free,
        "status": free,
    }
    required = ["apiVersion", "kind", *schema.get("required", ())]
    whole = {**schema, "properties": {**schema["properties"], **named}, "required": required}
    return _compile(whole, KUBERNETES_RELEASES[-1])


def _compile(schema: Schema, kubernetes: str) -> _Compiled:
    known = definitions(kubernetes)
    return _Compiled(validator(schema, known), node_of(schema, known))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _schemas_in(schema: Any) -> Iterator[Schema]:
    """A schema and all schemas in it."""
    if isinstance(schema, Mapping):
        yield schema
        for value in schema.values():
            yield from _schemas_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _schemas_in(value)
