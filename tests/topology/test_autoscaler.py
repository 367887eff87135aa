from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.topology import Autoscaler
from tests.topology.test_topology import topology, value

WORKLOADS: list[dict[str, Any]] = [
    {"kind": kind, "metadata": {"name": "it"}, "spec": {"replicas": 2}}
    for kind in ("Deployment", "LeaderWorkerSet")
]


def scaler(kind: str, spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "it"}, "spec": spec}


def read(kind: str, spec: Any) -> Autoscaler:
    return topology([scaler(kind, spec)]).autoscalers[0]


@pytest.mark.parametrize(
    ("kind", "spec", "least", "most"),
    [
        ("HorizontalPodAutoscaler", {"minReplicas": 2, "maxReplicas": 8}, 2, 8),
        ("HorizontalPodAutoscaler", {"maxReplicas": 8}, 1, 8),
        ("HorizontalPodAutoscaler", {"minReplicas": "x"}, 1, None),
        ("HorizontalPodAutoscaler", "x", 1, None),
        ("ScaledObject", {"minReplicaCount": 2, "maxReplicaCount": 8}, 2, 8),
        ("ScaledObject", {}, 0, 100),
        ("ScaledObject", None, 0, 100),
    ],
    ids=str,
)
def test_its_bounds(kind: str, spec: Any, least: int, most: int | None) -> None:
    found = read(kind, spec)
    assert value(found.least) == least
    assert value(found.most) == most


@pytest.mark.parametrize(
    ("target", "scaled"),
    [
        ({"apiVersion": "apps/v1", "kind": "Deployment", "name": "it"}, ["Deployment"]),
        ({"kind": "LeaderWorkerSet", "name": "it"}, ["LeaderWorkerSet"]),
        ({"name": "it"}, ["Deployment"]),
        ({"kind": "StatefulSet", "name": "it"}, []),
        ({"kind": "Deployment", "name": "other"}, []),
        (None, []),
        ("it", []),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
def test_its_target(kind: str, target: Any, scaled: list[str]) -> None:
    found = topology([*WORKLOADS, scaler(kind, {"scaleTargetRef": target})])
    assert [w.kind for w in found.workloads if found.autoscaler(w) is not None] == scaled


def test_the_group_of_its_target() -> None:
    target = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "it"}
    found = read("HorizontalPodAutoscaler", {"scaleTargetRef": target}).target
    assert (found.group, str(found)) == ("leaderworkerset.x-k8s.io", "LeaderWorkerSet default/it")
    assert found.name.place.path == "spec.scaleTargetRef.name"


def test_a_target_in_another_namespace_is_none() -> None:
    elsewhere = scaler("ScaledObject", {"scaleTargetRef": {"name": "it"}})
    elsewhere["metadata"]["namespace"] = "elsewhere"
    here = [
        {**each, "metadata": {**each["metadata"], "namespace": "default"}} for each in WORKLOADS
    ]
    found = topology([*here, elsewhere])
    assert [found.autoscaler(workload) for workload in found.workloads] == [None, None]
