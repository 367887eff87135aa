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
from tests.kit.openapi import OBJECT_META, Schema, as_object, ref_name, schema_problems, validator
from tests.kit.pods import workload_problems
from tests.kit.policies import POLICIES
from tests.kit.problem import Problem
from tests.kit.shared import (
    KUBERNETES_RELEASES,
    SHARED,
    crd_files,
    definitions,
    resource_definition,
)

__all__ = [
    "KUBERNETES_RELEASES",
    "SHARED",
    "Problem",
    "problems",
    "unsupported_rules",
    "xrd_problems",
]


def problems(manifest: Mapping[str, Any], *, kubernetes: str) -> list[Problem]:
    """What an API server of this release would refuse in a manifest; empty if nothing."""
    api_version, kind = manifest.get("apiVersion"), manifest.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return [Problem("", "apiVersion and kind are missing")]
    if name := _own_kinds(kubernetes).get((api_version, kind)):
        # To the decoder of a native type, null is absence.
        instance, compiled = _without_nulls(manifest), _own(kubernetes, name)
    elif (api_version, kind) in POLICIES:
        instance, compiled = manifest, _policy(api_version, kind)
    elif file := crd_files().get((api_version, kind)):
        instance, compiled = manifest, _custom(file, api_version.rpartition("/")[2])
    else:
        return [Problem("", f"no schema of {api_version} {kind} in Kubernetes {kubernetes}")]
    found, defaulted = _check(instance, compiled)
    if defaulted is not None:
        found += name_problems(kind, defaulted["metadata"])
        found += workload_problems(defaulted)
        found += object_problems(defaulted)
    return found


def xrd_problems(document: Mapping[str, Any], xrd_file: str) -> list[Problem]:
    """What an XRD under `modelplane` refuses in a document; its metadata and status are free."""
    return _check(document, _composite(xrd_file))[0]


def unsupported_rules(folder: str, file: str) -> list[str]:
    """The rules of a CRD (`crds`) or XRD (`modelplane`) that cannot be evaluated here."""
    return sorted(
        {
            f"{rule.text}: {rule.unsupported}"
            for version in resource_definition(folder, file)["versions"]
            for schema in _schemas_in(version["schema"]["openAPIV3Schema"])
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
def _own_kinds(kubernetes: str) -> Mapping[tuple[str, str], str]:
    kinds = {}
    for name, schema in definitions(kubernetes).items():
        # Lists and options have the marker as well, but no object's metadata.
        if ref_name(schema.get("properties", {}).get("metadata", {})) == OBJECT_META:
            for gvk in schema.get("x-kubernetes-group-version-kind", ()):
                group = f"{gvk['group']}/" if gvk["group"] else ""
                kinds[group + gvk["version"], gvk["kind"]] = name
    return kinds


@cache
def _own(kubernetes: str, name: str) -> _Compiled:
    return _compile(as_object(definitions(kubernetes)[name]), kubernetes)


@cache
def _custom(file: str, version: str) -> _Compiled:
    served = {entry["name"]: entry for entry in resource_definition("crds", file)["versions"]}
    schema = served[version]["schema"]["openAPIV3Schema"]
    # Object metadata is the same in all releases, so a custom resource is compiled only once.
    return _compile(as_object(schema), KUBERNETES_RELEASES[-1])


@cache
def _policy(api_version: str, kind: str) -> _Compiled:
    return _compile(as_object(POLICIES[api_version, kind]), KUBERNETES_RELEASES[-1])


@cache
def _composite(file: str) -> _Compiled:
    spec = resource_definition("modelplane", file)
    version = spec["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    named = {
        "apiVersion": {"type": "string", "enum": [f"{spec['group']}/{version['name']}"]},
        "kind": {"type": "string", "enum": [spec["names"]["kind"]]},
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
