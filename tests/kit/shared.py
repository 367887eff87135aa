"""The shared schemas: Kubernetes' own definitions, CRDs and Modelplane's API definitions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

KUBERNETES_RELEASES = ("v1.34.0", "v1.35.0", "v1.36.0")


def _find() -> Path | None:
    beside = Path(__file__).parents[2].parent / "shared"
    folder = Path(os.environ.get("CDK8S_INFERENCE_SHARED") or beside)
    return folder if folder.is_dir() else None


SHARED: Path | None = _find()
"""The folder of the schemas, or None where there is none: tests then skip."""


def _path(*parts: str) -> Path:
    if SHARED is None:
        raise FileNotFoundError("the shared schemas are absent: set CDK8S_INFERENCE_SHARED")
    return SHARED.joinpath(*parts)


@cache
def definitions(kubernetes: str) -> Mapping[str, Any]:
    """Kubernetes' own OpenAPI definitions of a release."""
    text = _path("k8s-schemas", kubernetes, "_definitions.json").read_text()
    found: Mapping[str, Any] = json.loads(text)["definitions"]
    return found


@cache
def crd_files() -> Mapping[tuple[str, str], str]:
    """The file of each custom resource, by apiVersion and kind."""
    return {
        (f"{crd['group']}/{version}", crd["kind"]): crd["file"]
        for crd in json.loads(_path("crds", "INDEX.json").read_text())
        for version in crd["served_versions"]
    }


@cache
def resource_definition(folder: str, file: str) -> Mapping[str, Any]:
    """The spec of a CRD (`crds`) or of a Crossplane XRD (`modelplane`)."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: Mapping[str, Any] = yaml.load(_path(folder, file).read_text(), loader)["spec"]
    return found
