"""The generated code in imports/ and the script that generates it."""

from __future__ import annotations

import gzip
import runpy
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cdk8s
import pytest
import yaml

from cdk8s_inference.imports.httproute import (
    HttpRoute,
    HttpRouteSpec,
    HttpRouteSpecRules,
    HttpRouteSpecRulesTimeouts,
)
from cdk8s_inference.imports.inferencepool import (
    InferencePool,
    InferencePoolSpec,
    InferencePoolSpecEndpointPickerRef,
    InferencePoolSpecEndpointPickerRefPort,
    InferencePoolSpecSelector,
    InferencePoolSpecTargetPorts,
)
from tests.kit.shared import custom_schema

ROOT = Path(__file__).resolve().parent.parent
IMPORTS = ROOT / "imports"
PREFIX = "cdk8s_inference_"
CRDS = {
    name.removeprefix(PREFIX): url.rsplit("/", 1)[-1]
    for name, url in (
        entry.split(":=") for entry in yaml.safe_load((ROOT / "cdk8s.yaml").read_text())["imports"]
    )
}
KINDS = {
    "inferencepool": ("inference.networking.k8s.io/v1", "InferencePool"),
    "httproute": ("gateway.networking.k8s.io/v1", "HTTPRoute"),
}
# With the CRDs' descriptions it is 29 and 673 kB.
LARGEST = {"inferencepool": 25_000, "httproute": 200_000}


def archived(tarball: Path) -> dict[str, str]:
    with tarfile.open(tarball) as archive:
        return {
            member.name: extracted.read().decode()
            for member in archive
            if (extracted := archive.extractfile(member)) is not None
        }


def tarball(module: str) -> Path:
    (path,) = (IMPORTS / module / "_jsii").glob("*.jsii.tgz")
    return path


def properties(schema: Any) -> Iterator[str]:
    """The names of all properties, however deep."""
    if isinstance(schema, list):
        for child in schema:
            yield from properties(child)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                yield from value
                yield from properties(list(value.values()))
            elif key in ("items", "additionalProperties", "allOf", "anyOf", "oneOf"):
                yield from properties(value)


def test_the_classes_keep_values_that_look_empty() -> None:
    chart = cdk8s.Chart(cdk8s.App(), "chart")
    InferencePool(
        chart,
        "pool",
        spec=InferencePoolSpec(
            selector=InferencePoolSpecSelector(match_labels={"app": "model"}),
            target_ports=[InferencePoolSpecTargetPorts(number=8000)],
            endpoint_picker_ref=InferencePoolSpecEndpointPickerRef(
                group="", name="picker", port=InferencePoolSpecEndpointPickerRefPort(number=9002)
            ),
        ),
    )
    HttpRoute(
        chart,
        "route",
        spec=HttpRouteSpec(
            rules=[HttpRouteSpecRules(timeouts=HttpRouteSpecRulesTimeouts(request="0s"))]
        ),
    )
    pool, route = cdk8s.Testing.synth(chart)
    assert (pool["apiVersion"], pool["kind"]) == ("inference.networking.k8s.io/v1", "InferencePool")
    assert pool["spec"] == {
        "selector": {"matchLabels": {"app": "model"}},
        "targetPorts": [{"number": 8000}],
        "endpointPickerRef": {"group": "", "name": "picker", "port": {"number": 9002}},
    }
    assert (route["apiVersion"], route["kind"]) == ("gateway.networking.k8s.io/v1", "HTTPRoute")
    assert route["spec"] == {"rules": [{"timeouts": {"request": "0s"}}]}


def test_cdk8s_yaml_names_the_folders() -> None:
    folders = {path.parent.name for path in IMPORTS.glob("*/__init__.py")}
    assert folders == set(CRDS) == set(LARGEST)


@pytest.mark.parametrize("module", sorted(LARGEST))
def test_no_descriptions(module: str) -> None:
    code = (IMPORTS / module / "__init__.py").read_text()
    assert len(code) < LARGEST[module]
    for text in (code, *archived(tarball(module)).values()):
        for telltale in ("Support: ", "Implementations ", "More info", "MUST", "specifies"):
            assert telltale not in text


@pytest.mark.parametrize("module", sorted(LARGEST))
def test_the_tarball_is_what_the_script_makes(module: str) -> None:
    repacked = runpy.run_path(str(ROOT / "scripts" / "import-crds"))["repacked"]
    made = tarball(module).read_bytes()
    # Uncompressed, because zlib's implementations compress differently.
    assert gzip.decompress(repacked(made, module)) == gzip.decompress(made)


def test_only_descriptions_are_dropped() -> None:
    without_descriptions = runpy.run_path(str(ROOT / "scripts" / "import-crds"))[
        "without_descriptions"
    ]
    text = {"type": "string", "description": "prose"}
    schema = {
        "description": "prose",
        "default": {"description": "a value"},
        "required": ["description"],
        "properties": {"description": text, "list": {"items": text}},
        "additionalProperties": {"anyOf": [text]},
    }
    assert without_descriptions(schema) == {
        "default": {"description": "a value"},
        "required": ["description"],
        "properties": {"description": {"type": "string"}, "list": {"items": {"type": "string"}}},
        "additionalProperties": {"anyOf": [{"type": "string"}]},
    }


@pytest.mark.parametrize("module", sorted(LARGEST))
def test_every_property_of_the_crd_is_there(module: str) -> None:
    api_version, kind = KINDS[module]
    schema = custom_schema(api_version, kind)
    names = set(properties({"properties": {"spec": schema["properties"]["spec"]}}))
    code = (IMPORTS / module / "__init__.py").read_text()
    assert len(names) > 5
    assert {name for name in names if f'": "{name}"' not in code} == set()
