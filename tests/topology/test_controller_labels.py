from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.source import Document
from cdk8s_inference.topology import Topology, read_topology
from tests.checks.rendered import codes
from tests.kit import examples

_NAME = "leaderworkerset.sigs.k8s.io/name"
_WORKER = "leaderworkerset.sigs.k8s.io/worker-index"
_TEMPLATE = {
    "metadata": {"labels": {"app": "vllm"}},
    "spec": {"containers": [{"name": "vllm", "image": "vllm/vllm-openai:v0.32.0"}]},
}


def workload(kind: str, **spec: Any) -> dict[str, Any]:
    group = "leaderworkerset.x-k8s.io" if kind == "LeaderWorkerSet" else "apps"
    metadata = {"name": "vllm", "namespace": "llm"}
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "spec": spec}


def gang(**templates: Any) -> dict[str, Any]:
    return workload("LeaderWorkerSet", leaderWorkerTemplate={"size": 2, **templates})


PLAIN = {kind: workload(kind, template=_TEMPLATE) for kind in ("Deployment", "StatefulSet")}
GANG = gang(workerTemplate=_TEMPLATE)
LED = gang(leaderTemplate=_TEMPLATE, workerTemplate=_TEMPLATE)
SET = {
    "apiVersion": "disaggregatedset.x-k8s.io/v1",
    "kind": "DisaggregatedSet",
    "metadata": {"name": "vllm", "namespace": "llm"},
    "spec": {"roles": [{"name": name, "spec": LED["spec"]} for name in ("prefill", "decode")]},
}


def selected(found: dict[str, Any], selector: dict[str, str]) -> list[str]:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "vllm", "namespace": "llm"},
        "spec": {"selector": selector, "ports": [{"port": 8000}]},
    }
    topology: Topology = read_topology([Document(found), Document(service)])
    return [pods.part for pods in topology.services[0].backends]


@pytest.mark.parametrize(
    ("found", "selector", "parts"),
    [
        (PLAIN["StatefulSet"], {"apps.kubernetes.io/pod-index": "0"}, ["pod"]),
        (PLAIN["StatefulSet"], {"statefulset.kubernetes.io/pod-name": "vllm-0"}, ["pod"]),
        (PLAIN["StatefulSet"], {"statefulset.kubernetes.io/pod-name": "other-0"}, []),
        (PLAIN["StatefulSet"], {"apps.kubernetes.io/pod-index": "0", "app": "other"}, []),
        (PLAIN["Deployment"], {"apps.kubernetes.io/pod-index": "0"}, []),
        (PLAIN["Deployment"], {"app": "vllm", "pod-template-hash": "6d4b"}, ["pod"]),
        (LED, {_NAME: "vllm"}, ["leader", "follower"]),
        (LED, {_NAME: "other"}, []),
        (LED, {_NAME: "vllm", _WORKER: "0"}, ["leader"]),
        (LED, {_NAME: "vllm", _WORKER: "1"}, ["follower"]),
        (GANG, {_WORKER: "0"}, ["gang"]),
        (SET, {"disaggregatedset.x-k8s.io/name": "vllm", _WORKER: "0"}, ["leader", "leader"]),
        (SET, {"disaggregatedset.x-k8s.io/role": "prefill"}, ["leader", "follower"]),
    ],
)
def test_selectors_ask_for_labels_of_controllers(
    found: dict[str, Any], selector: dict[str, str], parts: list[str]
) -> None:
    assert selected(found, selector) == parts


def test_a_pool_of_the_first_pods_is_not_empty() -> None:
    objects = examples.base("disaggregated")
    for each in objects:
        if each["kind"] == "InferencePool":
            each["spec"]["selector"]["matchLabels"]["apps.kubernetes.io/pod-index"] = "0"
    assert "T105" in codes(objects)
    for each in objects:
        if each["metadata"]["name"] in ("prefill", "decode"):
            each["kind"] = "StatefulSet"
            each["spec"].pop("strategy", None)
            each["spec"]["serviceName"] = each["metadata"]["name"]
    assert "T105" not in codes(objects)


def test_a_selector_of_leaders_does_not_select_the_whole_gang() -> None:
    objects = examples.broken("T111")
    assert "T111" in codes(objects)
    for each in objects:
        if each["kind"] == "Service":
            each["spec"]["selector"][_WORKER] = "0"
    assert "T111" not in codes(objects)
