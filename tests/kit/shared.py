"""The schemas of the package's facts, as the tests' API server reads them; and the shared cases."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cdk8s_inference.schemas.facts import RELEASES, Facts, custom, kubernetes, reference_name

KUBERNETES_RELEASES = tuple(sorted(RELEASES))


def _find() -> Path | None:
    beside = Path(__file__).parents[2].parent / "shared"
    folder = Path(os.environ.get("CDK8S_INFERENCE_SHARED") or beside)
    return folder if folder.is_dir() else None


SHARED: Path | None = _find()
"""The folder of documents and cases of others, or None where there is none: tests then skip."""


@cache
def definitions(release: str) -> Mapping[str, Any]:
    """Kubernetes' own OpenAPI definitions of a release."""
    facts = kubernetes()
    names = (line.partition("\t")[0] for line in facts.text.splitlines() if line)
    return {
        name: schema
        for name in dict.fromkeys(names)
        if " " not in name and (schema := facts.definition(name, release)) is not None
    }


@cache
def own_kinds(release: str) -> Mapping[tuple[str, str], str]:
    """The definition of each of Kubernetes' own kinds, by apiVersion and kind."""
    facts = kubernetes()
    found = {}
    for version, kinds in facts.kinds.items():
        for kind in kinds:
            schema = facts.definition(f"{version} {kind}", release)
            if schema is not None:
                found[version, kind] = reference_name(schema) or ""
    return found


def is_custom(api_version: str, kind: str) -> bool:
    """Whether the schema of a custom resource is known."""
    return kind in custom().kinds.get(api_version, ())


@cache
def custom_schema(api_version: str, kind: str, release: str | None = None) -> Mapping[str, Any]:
    """The schema of a custom resource, of the standard channel; of a release if one is named."""
    facts = custom()
    for releases, schema in facts.variants(f"{api_version} {kind}"):
        if release in releases or (release is None and "experimental" not in releases[0]):
            found: Mapping[str, Any] = _whole(schema, facts)
            return found
    raise LookupError(f"{api_version} {kind} {release}")


def _whole(value: Any, facts: Facts) -> Any:
    """A schema with what its references name in their place."""
    if isinstance(value, list):
        return [_whole(each, facts) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        return _whole(facts.target(value["$ref"], None), facts)
    return {key: _whole(each, facts) for key, each in value.items()}
