"""Charts that stand in for those of a stack, under the addresses that a stack takes them from.

Such a chart has the name and the version of the real one. It says in a ConfigMap what Helm was
told, has a Deployment to wait for, and a CRD among those that ``skipCrds`` leaves out.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.mirror import MANIFEST

GROUP = "stand-in.example.com"

_TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  chart: {{ printf "%s %s" .Chart.Name .Chart.Version | quote }}
  values: {{ toJson .Values | quote }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: main, image: example.com/stand-in}]}
"""
_HELM = "application/vnd.cncf.helm"
_DOCKER_HUB = {"docker.io": "registry-1.docker.io"}
"""What clients ask for images of a registry that has another name."""


def publish(root: Path, address: str, chart: str, version: str) -> None:
    """Puts a chart into the folder of its host.

    Args:
        root: Of the hosts' folders.
        address: A chart repository's URL; or a registry and a path, without a scheme.
        chart: The chart's name.
        version: Its version.
    """
    scheme, _, rest = address.rpartition("://")
    host, _, path = rest.partition("/")
    if scheme:
        _to_repository(root / host / path, chart, version)
    else:
        _to_registry(root / _DOCKER_HUB.get(host, host) / "v2" / path / chart, chart, version)


def crd(chart: str) -> str:
    """The name of the CRD that a chart has."""
    return f"{chart}.{GROUP}"


def _to_repository(folder: Path, chart: str, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{chart}-{version}.tgz"
    archive.write_bytes(_packed(chart, version))
    index = folder / "index.yaml"
    known = yaml.safe_load(index.read_text()) if index.exists() else {"entries": {}}
    known["apiVersion"] = "v1"
    known["entries"][chart] = [{**_metadata(chart, version), "urls": [archive.name]}]
    index.write_text(yaml.safe_dump(known))


def _to_registry(folder: Path, chart: str, version: str) -> None:
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(
            folder, f"{_HELM}.config.v1+json", json.dumps(_metadata(chart, version)).encode()
        ),
        "layers": [
            _blob(folder, f"{_HELM}.chart.content.v1.tar+gzip", _packed(chart, version)),
        ],
    }
    (folder / "manifests").mkdir()
    (folder / "manifests" / version).write_text(json.dumps(manifest))


def _blob(folder: Path, media_type: str, content: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    (folder / "blobs" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _packed(chart: str, version: str) -> bytes:
    files = {
        "Chart.yaml": yaml.safe_dump(_metadata(chart, version)),
        "crds/crd.yaml": yaml.safe_dump(_crd(chart)),
        "templates/all.yaml": _TEMPLATE,
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{chart}/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def _metadata(chart: str, version: str) -> dict[str, str]:
    return {"apiVersion": "v2", "name": chart, "version": version}


def _crd(chart: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object"}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": crd(chart)},
        "spec": {
            "group": GROUP,
            "names": {"kind": chart.title().replace("-", ""), "plural": chart},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
