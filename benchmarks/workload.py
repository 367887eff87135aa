"""What the sides are given: the same deployments as documents, objects and Helm charts."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from benchmarks.deployments import Mode, document, name
from tests.kit.shared import custom_schema, definitions, is_custom, own_kinds

KUBERNETES = "1.34"

Objects = dict[str, list[dict[str, Any]]]
"""The objects of each chart."""


@dataclass(frozen=True)
class Workload:
    """A number of deployments of one mode, and a folder with what the sides read."""

    mode: Mode
    count: int
    folder: Path

    @property
    def documents(self) -> Path:
        """ModelDeployment documents in one file."""
        return self.folder / "documents.yaml"

    @property
    def objects(self) -> Path:
        """Their objects, as JSON by deployment."""
        return self.folder / "objects.json"

    @property
    def manifests(self) -> Path:
        """A folder with the objects of each deployment as YAML."""
        return self.folder / "manifests"

    @property
    def cache(self) -> Path:
        """What ``synth --cache`` kept of them."""
        return self.folder / "cache"

    @property
    def chart(self) -> Path:
        """A Helm chart of one deployment, whose name is that of the release."""
        return self.folder / "chart"

    @property
    def fleet(self) -> Path:
        """A Helm chart of all of them, from a list of names in its values."""
        return self.folder / "fleet"

    def read(self, folder: Path) -> Objects:
        """The objects that a side of cdk8s wrote, by the name of their chart."""
        return {
            # The command line puts the namespace before it.
            file.name.removesuffix(".k8s.yaml").rpartition(".")[2]: list(
                yaml.load_all(file.read_text(), yaml.CSafeLoader)
            )
            for file in sorted(folder.iterdir())
        }


def prepare(mode: Mode, count: int, folder: Path) -> Workload:
    """Writes a workload."""
    folder.mkdir(parents=True)
    made = Workload(mode, count, folder)
    documents = [document(mode, index) for index in range(count)]
    made.documents.write_text(yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False))
    command: list[str | Path] = [sys.executable, "-m", "cdk8s_inference", "synth", made.documents]
    command += ["--cache", made.cache, "--output", made.manifests]
    subprocess.run(command, check=True, capture_output=True)
    objects = made.read(made.manifests)
    made.objects.write_text(json.dumps(objects))
    _write_charts(made, next(made.manifests.glob(f"*{name(0)}.k8s.yaml")).read_text())
    return made


def _write_charts(workload: Workload, first: str) -> None:
    """Charts that render what the first deployment is, under other names."""
    assert "{{" not in first
    names = [name(index) for index in range(workload.count)]
    template = first.replace(name(0), "{{ $name }}")
    for folder, body, values in (
        (workload.chart, "{{- $name := .Release.Name }}\n" + template, {}),
        (
            workload.fleet,
            "{{- range $name := .Values.names }}\n---\n" + template + "{{- end }}\n",
            {"names": names},
        ),
    ):
        (folder / "templates").mkdir(parents=True)
        about = {"apiVersion": "v2", "name": "bench", "version": "0.1.0"}
        (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
        (folder / "values.yaml").write_text(yaml.safe_dump(values))
        (folder / "templates" / "all.yaml").write_text(body)


def unpack_typescript(folder: Path) -> Path:
    """A folder with the program in TypeScript, and the cdk8s that Python's package brings."""
    for package in ("constructs", "cdk8s"):
        archive = next(
            each
            for each in resources.files(f"{package}._jsii").iterdir()
            if each.name.endswith(".tgz")
        )
        target = folder / "node_modules" / package
        target.mkdir(parents=True)
        with archive.open("rb") as opened, tarfile.open(fileobj=opened) as tar:
            tar.extractall(target.parent, filter="data")
        (target.parent / "package").rename(target.parent / f"{package}-unpacked")
        target.rmdir()
        (target.parent / f"{package}-unpacked").rename(target)
    program = folder / "app.ts"
    program.write_text((Path(__file__).parent / "programs" / "app.ts").read_text())
    (folder / "package.json").write_text('{"type": "module"}\n')
    return program


def write_schemas(folder: Path) -> None:
    """JSON Schemas of all kinds that are composed, as kubeconform names their files."""
    folder.mkdir(parents=True)
    known = own_kinds(KUBERNETES)
    shared = {"definitions": definitions(KUBERNETES)}
    for (version, kind), definition in known.items():
        schema = {"$ref": f"#/definitions/{definition}", **shared}
        _write_schema(folder, version, kind, schema)


def write_custom_schemas(folder: Path, objects: Objects) -> None:
    """The same for the custom resources among some objects."""
    kinds = {(each["apiVersion"], each["kind"]) for chart in objects.values() for each in chart}
    for version, kind in kinds:
        if is_custom(version, kind):
            _write_schema(folder, version, kind, custom_schema(version, kind))


def _write_schema(folder: Path, version: str, kind: str, schema: Any) -> None:
    group, _, release = version.rpartition("/")
    parts = [kind, *group.split(".")[:1], release]
    file = folder / f"{'-'.join(filter(None, parts)).lower()}.json"
    file.write_text(json.dumps(schema))
