"""Everything that the project emits, found rather than listed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cdk8s_inference import App, ModelDeployment, Platform, ServingStack, names
from cdk8s_inference.platform import UnifiedMode
from cdk8s_inference.stack.delivery import Delivery
from cdk8s_inference.stack.props import StackProps
from tests.acceptance.cluster import Object
from tests.kit.shared import SHARED

ROOT = Path(__file__).parents[2]

_SEPARATOR = "\n---\n"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Source:
    """Objects that are applied together, and where they come from.

    Attributes:
        name: Where.
        objects: The objects.
        text: The file that holds them, where it is one of ours.
    """

    name: str
    objects: list[Object]
    text: str | None = None

    def write(self, folder: Path) -> Path:
        """Writes the objects as one file of a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', self.name)}.yaml"
        assert not path.exists(), f"two sources are called {self.name}"
        # As JSON, which is YAML: kubectl takes a bare y for true, and PyYAML writes it so.
        path.write_text(self.text or _SEPARATOR.join(map(json.dumps, self.objects)))
        return path


def app(script: Path, folder: Path) -> Iterator[Source]:
    """The files that an app composes, in order."""
    environment = {**os.environ, "CDK8S_OUTDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    return files(folder)


def files(folder: Path) -> Iterator[Source]:
    """The manifests of a folder, in the order in which kubectl takes them."""
    for path in sorted(folder.glob("*.yaml")):
        yield _file(path.name.removesuffix(".k8s.yaml"), path)


def stack(props: StackProps, delivery: Delivery, folder: Path) -> list[Source]:
    """The files of a serving stack, in order."""
    composed = App(outdir=str(folder))
    ServingStack(composed, "stack", versions=props.versions, delivery=delivery)
    composed.synth()
    return list(files(folder))


def examples(scratch: Path) -> Iterator[Source]:
    """Each example: an app, a document, or manifests."""
    for path in sorted((ROOT / "examples").rglob("*")):
        name = str(path.relative_to(ROOT).with_suffix(""))
        if path.suffix == ".py":
            for source in app(path, scratch / path.stem):
                yield replace(source, name=f"{name}/{source.name}")
        elif path.suffix in {".yaml", ".yml", ".json"}:
            yield Source(name, list(_composed_or_taken(parse(path.read_text()))))


def snapshots() -> Iterator[Source]:
    """Each snapshot that holds manifests, but for CRDs that it shows as a digest."""
    for path in sorted((ROOT / "tests").rglob("__snapshots__/**/*.yaml")):
        found = parse(path.read_text())
        if all(is_object(item) for item in found):
            name = str(path.relative_to(ROOT / "tests").with_suffix(""))
            yield Source(name, [item for item in found if not isinstance(item.get("spec"), str)])


def documents(unified_mode: UnifiedMode) -> Iterator[Source]:
    """Each ModelDeployment that people wrote, in a namespace of its own."""
    if SHARED is None:
        return
    for path in sorted((SHARED / "modeldeployments").glob("*.json")):
        name = names.join(path.stem.replace("_", "-"), unified_mode)
        document = yaml.load(path.read_text(), _LOADER)
        yield Source(name, composed(document, namespace=name, unified_mode=unified_mode))


def composed(
    document: Mapping[str, Any], *, namespace: str | None = None, unified_mode: UnifiedMode
) -> list[Object]:
    """What a document becomes, on a platform that has the device classes it speaks of."""
    platform = Platform(unified_mode=unified_mode, device_classes=dict(_device_classes(document)))
    chart = ModelDeployment.from_document(
        App(), "deployment", document, namespace=namespace, platform=platform
    )
    objects: list[Object] = chart.to_json()
    return objects


def parse(text: str) -> list[Any]:
    """The documents of a YAML text."""
    return [item for item in yaml.load_all(text, _LOADER) if item is not None]


def is_object(item: Any) -> bool:
    """Whether a YAML document is a Kubernetes object."""
    return isinstance(item, dict) and {"apiVersion", "kind", "metadata"} <= item.keys()


def _file(name: str, path: Path) -> Source:
    text = path.read_text()
    return Source(name, parse(text), text)


def _composed_or_taken(items: Iterable[Any]) -> Iterator[Object]:
    for item in items:
        if item.get("kind") == "ModelDeployment":
            yield from composed(item, unified_mode="service")
        elif is_object(item):
            yield item


def _device_classes(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each device request's class: the driver that its selectors speak of has one of its name."""
    spec = document["spec"]
    for engine in spec.get("template", {"spec": spec})["spec"]["engines"]:
        for member in engine["members"]:
            for request in member.get("nodeSelector", {}).get("devices", ()):
                cel = " ".join(selector["cel"] for selector in request["selectors"])
                driver = re.search(r'device\.(?:driver == |capacity\[|attributes\[)"([^"]+)"', cel)
                if driver:
                    yield request["name"], driver[1]
