"""Turns of the picker's rules that their examples do not take."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.findings import REMOVED, Edit
from tests.checks.rendered import codes, found, the
from tests.kit import examples

PICKER = "Deployment/qwen-epp"
CONTAINER = "spec.template.spec.containers[0]"


def changed(*edits: tuple[str, str, Any], base: str = "disaggregated") -> list[Any]:
    return examples.base(base, *(Edit(*edit) for edit in edits))


UNROLLED = (PICKER, "spec.template.metadata.annotations", REMOVED)


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ([], {"T422"}),
        ([("ConfigMap/qwen-epp", "immutable", True)], set()),
        ([(PICKER, "metadata.annotations", {"reloader.stakater.com/auto": "true"})], set()),
        ([(PICKER, "metadata.annotations", {"contact": "the serving team"})], {"T422"}),
    ],
    ids=str,
)
def test_what_rolls_a_picker(edits: list[tuple[str, str, Any]], told: set[str]) -> None:
    assert codes(changed(UNROLLED, *edits)) == told


@pytest.mark.parametrize(
    ("name", "told"),
    [("qwen-epp-7hk5g2mbt8", set()), ("qwen-scheduler", {"T422"}), ("qwen-epp-0", {"T422"})],
)
def test_a_name_made_from_the_content_rolls_it(name: str, told: set[str]) -> None:
    objects = changed(UNROLLED, (PICKER, "spec.template.spec.volumes[0].configMap.name", name))
    (config_map,) = (each for each in objects if each["kind"] == "ConfigMap")
    config_map["metadata"]["name"] = name
    assert codes(objects) == told


def objective(group: str, name: str) -> Any:
    return {
        "apiVersion": f"{group}/v1alpha2",
        "kind": "InferenceObjective",
        "metadata": {"name": name, "namespace": "llm"},
        "spec": {"priority": 1, "poolRef": {"name": "qwen"}},
    }


LEGACY = objective("inference.networking.x-k8s.io", "old")
NEW = objective("llm-d.ai", "new")


@pytest.mark.parametrize(
    ("release", "objects", "passed_over"),
    [
        ("v0.10.0", [LEGACY], None),
        ("v0.10.0", [NEW], None),
        ("v0.10.0", [LEGACY, NEW], "old"),
        ("v0.8.0", [LEGACY, NEW], "new"),
        ("v0.8.0", [LEGACY], None),
    ],
)
def test_objectives_of_each_group(
    release: str, objects: list[Any], passed_over: str | None
) -> None:
    image = f"ghcr.io/llm-d/llm-d-router-endpoint-picker:{release}"
    findings = found([*changed((PICKER, f"{CONTAINER}.image", image)), *objects])
    told = [each.object for each in findings if each.code == "T423"]
    assert told == ([f"InferenceObjective llm/{passed_over}"] if passed_over else [])


def monitor(kind: str, endpoints: str, labels: dict[str, str], **endpoint: Any) -> Any:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": {"name": "epp", "namespace": "llm"},
        "spec": {
            "selector": {"matchLabels": labels},
            endpoints: [{"targetPort": 9090, **endpoint}],
        },
    }


def test_scrapes() -> None:
    pods = monitor("PodMonitor", "podMetricsEndpoints", {"app": "qwen-epp"})
    assert codes([*changed(), pods]) == {"T424"}
    with_token = monitor("ServiceMonitor", "endpoints", {"app": "epp"}, authorization={})
    without = monitor("ServiceMonitor", "endpoints", {"app": "epp"})
    engines = monitor("PodMonitor", "podMetricsEndpoints", {"model": "qwen"})
    labelled = changed(("Service/qwen-epp", "metadata.labels", {"app": "epp"}))
    assert codes([*labelled, without]) == {"T424"}
    assert codes([*labelled, with_token, engines]) == set()
    opened = changed((PICKER, f"{CONTAINER}.args[3]", "--metrics-endpoint-auth=false"))
    assert codes([*opened, pods]) == set()


def test_who_leads() -> None:
    objects = examples.broken("T425")
    picker = the(objects, "Deployment", "qwen-epp")
    container = picker["spec"]["template"]["spec"]["containers"][0]
    container["readinessProbe"]["grpc"]["service"] = "readiness"
    assert codes(objects) == set()
    del container["readinessProbe"]
    assert codes(objects) == {"T425", "T450"}
    picker["spec"]["replicas"] = 1
    assert "T425" not in codes(objects)
