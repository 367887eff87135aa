"""The schemas of Kubernetes' API and of CRDs, and what they say against an object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cdk8s_inference.findings import Path
from cdk8s_inference.schemas.api import ANY_RELEASE, ClusterApi
from cdk8s_inference.schemas.facts import RELEASES
from cdk8s_inference.schemas.violation import Problem, SchemaViolation

__all__ = ["ANY_RELEASE", "RELEASES", "ClusterApi", "Problem", "SchemaViolation", "violations"]


def violations(
    api_version: str, kind: str, value: Any, path: Path = (), *, partial: bool = False
) -> list[SchemaViolation]:
    """What no known release of Kubernetes takes in an object, or in a part of one.

    Args:
        api_version: The apiVersion.
        kind: The kind, or the name of a type such as ``PodSpec`` of ``v1``.
        value: The object as plain data.
        path: Where the value is; it precedes the paths of what is found.
        partial: Whether the value is incomplete, such as a patch: nothing is missing then.
    """
    found = ANY_RELEASE.violations(api_version, kind, value, partial=partial)
    return [replace(each, path=(*path, *each.path)) for each in found]
