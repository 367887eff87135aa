from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.source import Document
from cdk8s_inference.topology import Budget
from tests.topology.test_topology import topology, value

Json = dict[str, Any]
SELECTOR = {"matchLabels": {"app": "it"}}


def template(**labels: str) -> Json:
    return {"metadata": {"labels": labels}, "spec": {"containers": []}}


def deployment(replicas: int | None, name: str = "it", **labels: str) -> Json:
    spec = {
        "selector": SELECTOR,
        "replicas": replicas,
        "template": template(**(labels or {"app": "it"})),
    }
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def gang(replicas: int, size: int) -> Json:
    pods = {"leaderTemplate": template(app="it"), "workerTemplate": template(app="it")}
    spec = {"replicas": replicas, "leaderWorkerTemplate": {"size": size, **pods}}
    return {"kind": "LeaderWorkerSet", "metadata": {"name": "gang"}, "spec": spec}


def budget(selector: Any = SELECTOR, **limit: Any) -> Json:
    return {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "it"},
        "spec": {"selector": selector, **limit},
    }


def scaler(least: int) -> Json:
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "it"},
        "spec": {
            "minReplicas": least,
            "maxReplicas": 9,
            "scaleTargetRef": {"kind": "Deployment", "name": "it"},
        },
    }


def read(*objects: Json) -> Budget:
    return topology([*objects]).budgets[0]


@pytest.mark.parametrize(
    ("limit", "allowed"),
    [
        ({"maxUnavailable": 1}, 1),
        ({"maxUnavailable": 0}, 0),
        ({"maxUnavailable": "0%"}, 0),
        ({"maxUnavailable": "25%"}, 2),
        ({"maxUnavailable": "10%"}, 1),
        ({"minAvailable": 5}, 0),
        ({"minAvailable": 7}, 0),
        ({"minAvailable": 4}, 1),
        ({"minAvailable": "100%"}, 0),
        ({"minAvailable": "81%"}, 0),
        ({"minAvailable": "80%"}, 1),
        ({"minAvailable": "0%"}, 5),
        # Of another shape.
        ({}, None),
        ({"maxUnavailable": "most"}, None),
        ({"minAvailable": "%"}, None),
        ({"minAvailable": [1]}, None),
        ({"minAvailable": True}, None),
    ],
    ids=str,
)
def test_how_many_may_be_away(limit: Json, allowed: int | None) -> None:
    assert value(read(deployment(5), budget(**limit)).allowed) == allowed


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        (SELECTOR, ["it"]),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, ["it", "other"]),
        ({}, ["it", "other"]),
        (None, []),
        ("x", []),
        ({"matchLabels": {"app": "none"}}, []),
    ],
    ids=str,
)
def test_what_it_protects(selector: Any, names: list[str]) -> None:
    found = read(deployment(1), deployment(1, "other", app="other"), budget(selector))
    assert [each.object.name for each in found.pods] == names


def test_pods_of_all_that_it_selects_count() -> None:
    found = read(deployment(2), gang(3, 4), budget())
    assert found.count == 2 + 3 * 4
    assert [each.per_copy for each in found.pods] == [1, 1, 3]


def test_what_scales_the_pods_says_how_many() -> None:
    assert read(deployment(None), scaler(3), budget()).count == 3
    assert read(deployment(None), budget()).count == 1
    assert read(deployment(None), scaler(0), budget()).count == 1


def test_a_workload_that_is_scaled_up_may_lose_a_pod() -> None:
    def codes(least: int) -> set[str]:
        objects = [deployment(None), scaler(least), budget(minAvailable=1)]
        return {each.code for each in check([Document(each) for each in objects])}

    assert "T805" in codes(1)
    assert "T805" not in codes(2)


def test_without_pods_only_none_is_none() -> None:
    assert value(read(budget(maxUnavailable=0)).allowed) == 0
    assert value(read(budget(maxUnavailable="50%")).allowed) == 1
    assert read(budget(minAvailable=1)).allowed is None
    assert read(deployment(0), budget(minAvailable=1)).allowed is None
