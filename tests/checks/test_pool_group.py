"""Which API group's InferencePool a picker reads, by its release and --pool-group."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cdk8s_inference.checks import check
from cdk8s_inference.source import read
from tests.kit import examples

NEW, LEGACY = "inference.networking.k8s.io", "inference.networking.x-k8s.io"
GAIE_EPP = "registry.k8s.io/gateway-api-inference-extension/epp"
EPP = "ghcr.io/llm-d/llm-d-router-endpoint-picker"


def codes(objects: list[Any]) -> dict[str, str]:
    documents, _ = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    return {each.code: each.severity for each in check(documents) if each.code in ("T427", "T428")}


def with_picker(image: str, group: str | None, pool_group: str = NEW) -> list[Any]:
    objects = examples.base("inference-extension")
    for each in objects:
        if each["kind"] == "InferencePool":
            each["apiVersion"] = f"{pool_group}/v1"
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "qwen-epp"):
            container = each["spec"]["template"]["spec"]["containers"][0]
            container["image"] = image
            container["args"][2:3] = [] if group is None else [f"--pool-group={group}"]
    return objects


@pytest.mark.parametrize(
    ("image", "group", "pool_group", "expected"),
    [
        (f"{GAIE_EPP}:v1.0.1", None, NEW, {}),
        (f"{GAIE_EPP}:v1.0.1", NEW, NEW, {}),
        (f"{GAIE_EPP}:v1.0.1", LEGACY, LEGACY, {}),
        (f"{GAIE_EPP}:v1.0.1", LEGACY, NEW, {"T427": "error"}),
        (f"{GAIE_EPP}:v1.0.1", None, LEGACY, {"T427": "error"}),
        (f"{GAIE_EPP}:v1.0.1", "other.io", NEW, {"T427": "error"}),
        (f"{GAIE_EPP}:v0.5.1", None, LEGACY, {}),
        (f"{GAIE_EPP}:v0.5.1", None, NEW, {"T427": "error"}),
        (f"{GAIE_EPP}:v1.5.0", None, LEGACY, {"T427": "error"}),
        # The flag decides over objectives alone.
        (f"{GAIE_EPP}:v1.5.0", LEGACY, NEW, {"T428": "warning"}),
        (f"{EPP}:v0.10.0", LEGACY, NEW, {"T428": "warning"}),
        (f"{EPP}:v0.11.0", LEGACY, NEW, {"T428": "note"}),
        (f"{EPP}:main", None, LEGACY, {"T427": "note"}),
        # A value that the kubelet or a template fills in is not read.
        (f"{GAIE_EPP}:v1.0.1", "$(POOL_GROUP)", NEW, {}),
        (f"{GAIE_EPP}:v1.0.1", "{{ .Values.group }}", NEW, {}),
    ],
)
def test_the_group_that_a_release_reads(
    image: str, group: str | None, pool_group: str, expected: dict[str, str]
) -> None:
    assert codes(with_picker(image, group, pool_group)) == expected


def test_a_pool_in_both_groups_is_found_in_either() -> None:
    objects = with_picker(f"{GAIE_EPP}:v1.0.1", LEGACY)
    pool = next(each for each in objects if each["kind"] == "InferencePool")
    twin = {**pool, "apiVersion": f"{LEGACY}/v1alpha2"}
    assert codes([*objects, twin]) == {}
