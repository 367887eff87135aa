"""The CRD facts, and the script that takes them."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from cdk8s_inference.releases.crds import Project, crds_of
from cdk8s_inference.releases.stack import STACK_MODELPLANE, STACK_NEWEST
from tests.kit.shared import custom_schema
from tests.kit.synth import validated

ROOT = Path(__file__).resolve().parents[2]
FACTS = ROOT / "constructs" / "cdk8s_inference" / "releases" / "crds"
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "crd-facts"))

LARGEST_ANNOTATION = 262_144
"""Bytes of all annotations of an object: client-side `kubectl apply` puts the whole of it there."""

Json = dict[str, Any]


def entries(project: str) -> list[Json]:
    found: list[Json] = json.loads((FACTS / f"{project}.json").read_text())
    return found


ALL = [
    (f"{project} {entry['releases'][-1]} {entry['crd']['metadata']['name']}", entry["crd"])
    for project in get_args(Project)
    for entry in entries(project)
]


def schemas(crd: Json) -> Iterator[Json]:
    for version in crd["spec"]["versions"]:
        yield from _within(version["schema"]["openAPIV3Schema"])


def _within(schema: Json) -> Iterator[Json]:
    yield schema
    for key in ("properties", "patternProperties"):
        for child in schema.get(key, {}).values():
            yield from _within(child)
    for key in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(key), dict):
            yield from _within(schema[key])
    for key in ("allOf", "anyOf", "oneOf"):
        for child in schema.get(key, ()):
            yield from _within(child)


@pytest.mark.parametrize("crd", [crd for _, crd in ALL], ids=[name for name, _ in ALL])
def test_each_is_whole_and_fits(crd: Json) -> None:
    validated([crd])
    assert len(json.dumps(crd, separators=(",", ":"))) < LARGEST_ANNOTATION
    assert not [schema for schema in schemas(crd) if isinstance(schema.get("description"), str)]
    annotations = crd["metadata"].get("annotations", {})
    if crd["spec"]["group"].endswith(".k8s.io"):
        # The API server refuses a CRD of these groups without it.
        assert annotations["api-approved.kubernetes.io"]
    if crd["spec"]["group"] == "gateway.networking.k8s.io":
        assert annotations["gateway.networking.k8s.io/channel"] == "standard"
        assert annotations["gateway.networking.k8s.io/bundle-version"].startswith("v1.")
    assert "status" not in crd
    (stored,) = (version for version in crd["spec"]["versions"] if version["storage"])
    assert stored["served"]


@pytest.mark.parametrize("project", get_args(Project))
def test_a_release_has_each_crd_once(project: Project) -> None:
    releases = {release for entry in entries(project) for release in entry["releases"]}
    for release in releases:
        names = [crd["metadata"]["name"] for crd in crds_of(project, release)]
        assert names == sorted(set(names))


def test_what_the_stacks_apply_themselves_is_there() -> None:
    for versions in (STACK_NEWEST, STACK_MODELPLANE):
        kinds = {
            crd["spec"]["names"]["kind"]
            for crd in [
                *crds_of("gateway-api", versions.gateway_api),
                *crds_of("gateway-api-inference-extension", versions.inference_extension),
                *crds_of("envoy-gateway", versions.envoy_gateway),
                *crds_of("lws", versions.leader_worker_set),
            ]
        }
        assert {
            "EnvoyProxy",
            "Gateway",
            "GatewayClass",
            "HTTPRoute",
            "InferencePool",
            "LeaderWorkerSet",
        } <= kinds


OF_SCHEMAS: list[tuple[Project, str]] = [
    ("gateway-api", "v1.6.1"),
    ("envoy-gateway", "v1.9.0"),
    ("lws", "v0.10.0"),
    ("gateway-api-inference-extension", "v1.6.0"),
]


@pytest.mark.parametrize(("project", "release"), OF_SCHEMAS)
def test_what_is_emitted_is_what_objects_are_checked_against(
    project: Project, release: str
) -> None:
    without_messages = runpy.run_path(str(ROOT / "scripts" / "schema-facts"))["without_messages"]
    crds = [crd["spec"] for crd in crds_of(project, release)]
    assert crds
    for spec in crds:
        for version in spec["versions"]:
            if version["served"]:
                api_version = f"{spec['group']}/{version['name']}"
                expected = without_messages(version["schema"]["openAPIV3Schema"])
                assert custom_schema(api_version, spec["names"]["kind"]) == expected


def crd(name: str, description: str = "prose", kind: str = "integer") -> Json:
    text = {"type": "string", "description": description}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": name,
            "creationTimestamp": None,
            "annotations": {"api-approved.kubernetes.io": "https://example.com"},
        },
        "spec": {
            "group": "example.com",
            "conversion": {"strategy": "None"},
            "versions": [
                {
                    "name": "v1",
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": "A", "type": "string", "jsonPath": ".a", "description": "prose"}
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "description": "prose",
                            "properties": {"description": text, "count": {"type": kind}},
                            "x-kubernetes-validations": [{"rule": "true", "message": "why"}],
                        }
                    },
                }
            ],
        },
        "status": {"acceptedNames": {}},
    }


def test_only_prose_and_what_servers_write_is_dropped() -> None:
    found = SCRIPT["facts"](crd("a.example.com"))
    assert found["metadata"] == {
        "name": "a.example.com",
        "annotations": {"api-approved.kubernetes.io": "https://example.com"},
    }
    assert "status" not in found
    assert found["spec"]["conversion"] == {"strategy": "None"}
    (version,) = found["spec"]["versions"]
    assert version["subresources"] == {"status": {}}
    assert version["additionalPrinterColumns"] == [
        {"name": "A", "type": "string", "jsonPath": ".a"}
    ]
    assert version["schema"]["openAPIV3Schema"] == {
        "properties": {"description": {"type": "string"}, "count": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "true", "message": "why"}],
    }


def test_releases_share_what_is_the_same_and_take_back_what_they_had() -> None:
    merged, facts = SCRIPT["merged"], SCRIPT["facts"]
    a, b, b2 = (facts(crd(name, kind=kind)) for name, kind in [("a", ""), ("b", ""), ("b", "x")])
    entries = merged(merged([], "v1", [a, b]), "v2", [a, b2])
    assert [(entry["releases"], entry["crd"]) for entry in entries] == [
        (["v1", "v2"], a),
        (["v1"], b),
        (["v2"], b2),
    ]
    again = merged(entries, "v2", [b])
    assert [(entry["releases"], entry["crd"]) for entry in again] == [
        (["v1"], a),
        (["v1", "v2"], b),
    ]


def test_the_script_writes_one_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = SCRIPT["main"]
    monkeypatch.setitem(main.__globals__, "FACTS", tmp_path)
    source = tmp_path / "crds.yaml"
    source.write_text(yaml.safe_dump_all([crd("b"), {"kind": "ConfigMap"}, crd("a"), None]))
    assert main(["example", "v1", str(source)]) == 0
    lines = (tmp_path / "example.json").read_text().splitlines()
    assert len(lines) == 4
    assert [json.loads(line.rstrip(","))["crd"]["metadata"]["name"] for line in lines[1:3]] == [
        "a",
        "b",
    ]
    source.write_text("kind: ConfigMap\n")
    assert main(["example", "v2", str(source)]) == 1
