"""The CustomResourceDefinitions that a cluster needs before it takes what we emit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.cluster import Cluster, condition, eventually
from tests.kit.shared import SHARED, custom_schema

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KIND = "customresourcedefinitions.apiextensions.k8s.io"


def install(
    cluster: Cluster, scratch: Path, wanted: Callable[[str], bool] = lambda group: True
) -> None:
    """Installs every CRD that is not there yet, and waits until all are served.

    Args:
        cluster: Where.
        scratch: For files.
        wanted: Which API groups' CRDs; all by default.
    """
    there = {item["metadata"]["name"] for item in cluster.get(_KIND)}
    files = [
        file
        for name, file in _files(scratch)
        if name not in there and wanted(name.partition(".")[2])
    ]
    if files:
        cluster.kubectl("create", *(f"--filename={file}" for file in files))
    await_established(cluster)


def await_established(cluster: Cluster) -> None:
    """Waits until all CRDs are served."""
    eventually(
        lambda: [
            item["metadata"]["name"]
            for item in cluster.get(_KIND)
            if not condition(item, "Established")
        ],
        timeout=60,
    )


def _files(scratch: Path) -> Iterator[tuple[str, Path]]:
    assert SHARED is not None
    for path in sorted((SHARED / "crds").glob("*.yaml")):
        text = path.read_text()
        group, plural = path.stem.split("_", 1)
        if "strategy: Webhook" in text:
            # Its controller, which would convert between its versions, does not run here.
            path = scratch / path.name
            path.write_text(yaml.safe_dump(_unconverted(yaml.load(text, _LOADER))))
        yield f"{plural}.{group}", path
    for group, scope in _USAGES.items():
        path = scratch / f"{group}_usages.yaml"
        path.write_text(json.dumps(_usage(group, scope)))
        yield f"usages.{group}", path


_USAGES = {"protection.crossplane.io": "Namespaced", "apiextensions.crossplane.io": "Cluster"}
"""Groups and scopes of Crossplane's Usage, whose CRDs are not beside the others."""


def _usage(group: str, scope: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": custom_schema(f"{group}/v1beta1", "Usage")}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"usages.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Usage", "plural": "usages", "singular": "usage"},
            "scope": scope,
            "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": schema}],
        },
    }


def _unconverted(crd: Any) -> Any:
    crd["spec"]["conversion"] = {"strategy": "None"}
    return crd
