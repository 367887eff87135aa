"""CRDs without their descriptions, which do not change what an API server accepts.

The scripts that write facts run this file by itself, so it imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def without_descriptions(schema: Any) -> Any:
    """The schema without its descriptions; a property, default or enum value so named stays."""
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "description":
            continue
        if key in ("properties", "patternProperties", "definitions"):
            value = {name: without_descriptions(child) for name, child in value.items()}
        elif key in ("items", "additionalProperties", "not"):
            value = without_descriptions(value)
        elif key in ("allOf", "anyOf", "oneOf"):
            value = [without_descriptions(child) for child in value]
        result[key] = value
    return result


def without_prose(crd: Mapping[str, Any]) -> Mapping[str, Any]:
    """A CustomResourceDefinition without the descriptions of its fields and columns."""
    spec = crd.get("spec", {})
    versions = [_version(each) for each in spec.get("versions", ())]
    return {**crd, "spec": {**spec, "versions": versions}} if versions else crd


def _version(version: dict[str, Any]) -> dict[str, Any]:
    result = dict(version)
    if schema := version.get("schema", {}).get("openAPIV3Schema"):
        result["schema"] = {"openAPIV3Schema": without_descriptions(schema)}
    if columns := version.get("additionalPrinterColumns"):
        result["additionalPrinterColumns"] = [
            {key: value for key, value in column.items() if key != "description"}
            for column in columns
        ]
    return result
