"""The CRDs of upstream releases: names, fields, types and validation, without their prose.

``scripts/crd-facts`` writes the files: one entry a line, with the releases that ship the CRD.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, Literal

Project = Literal[
    "envoy-gateway", "gateway-api", "gateway-api-inference-extension", "llm-d-router", "lws"
]


def crds_of(project: Project, release: str) -> list[dict[str, Any]]:
    """The CRDs of a project's release, by name; none for a release that is not in the facts."""
    return [entry["crd"] for entry in _entries(project) if release in entry["releases"]]


def releases_of(project: Project) -> list[str]:
    """The releases of a project whose CRDs are in the facts."""
    return sorted({release for entry in _entries(project) for release in entry["releases"]})


@cache
def _entries(project: Project) -> list[dict[str, Any]]:
    text = resources.files(__name__).joinpath(f"{project}.json").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = json.loads(text)
    return entries
