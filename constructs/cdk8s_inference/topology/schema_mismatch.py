"""Objects that do not fit the schema of their kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.schemas import ClusterApi, SchemaViolation
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue


@dataclass(frozen=True, eq=False)
class SchemaMismatch:
    """What a schema says against a place of an object.

    Attributes:
        at: The place; of a field that is missing, what it is missing from.
        violation: What it says.
        related: The other places that it is about.
    """

    at: SourceValue[object]
    violation: SchemaViolation
    related: tuple[SourceValue[object], ...] = ()


def schema_mismatches(objects: Iterable[KubeObject], api: ClusterApi) -> Iterator[SchemaMismatch]:
    """What the schemas of a cluster's API say against objects that were written."""
    for found in objects:
        value = found.root.value
        if found.written is not found or not isinstance(value, Mapping):
            continue
        api_version = found.at("apiVersion").text or ""
        # The API server does not take a status from who applies the object.
        written = {key: child for key, child in value.items() if key != "status"}
        for each in api.violations(api_version, found.kind, _without_schemas(written)):
            path = each.path[:-1] if each.problem == "missing" else each.path
            at, *others = (
                found.value_at(cursor, cursor.value)
                for cursor in (found.at(*place) for place in (path, *each.related))
            )
            yield SchemaMismatch(at, each, tuple(others))


def _without_schemas(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """An object; a CRD without its schemas, which have thousands of fields, and are not read."""
    spec = value.get("spec")
    if value.get("kind") != "CustomResourceDefinition" or not isinstance(spec, Mapping):
        return value
    versions = spec.get("versions")
    if not isinstance(versions, list):
        return value
    kept = [
        {key: child for key, child in each.items() if key != "schema"}
        if isinstance(each, Mapping)
        else each
        for each in versions
    ]
    return {**value, "spec": {**spec, "versions": kept}}
