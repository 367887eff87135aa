from __future__ import annotations

from typing import Any

import pytest

from tests.checks.rendered import codes
from tests.kit import examples


def quota(hard: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metadata = {"name": "team", "namespace": "llm"}
    spec = {"hard": hard, **spec}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec}


def limit_range(**limit: Any) -> dict[str, Any]:
    metadata = {"name": "team", "namespace": "llm"}
    spec = {"limits": [{"type": "Container", **limit}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": spec}


MEMORY = quota({"requests.memory": "400Gi"})


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ([MEMORY], True),
        ([quota({"memory": "400Gi"})], True),
        ([quota({"limits.cpu": "64"})], True),
        ([quota({"pods": "20", "requests.storage": "1Ti"})], False),
        ([quota({"cpu": "64"}, scopes=["BestEffort"])], False),
        ([MEMORY, limit_range(defaultRequest={"memory": "1Gi"})], False),
        ([MEMORY, limit_range(default={"memory": "1Gi"})], False),
        ([MEMORY, limit_range(max={"memory": "900Gi"})], False),
        ([MEMORY, limit_range(default={"cpu": "1"})], True),
        ([quota({"limits.memory": "9Ti"}), limit_range(defaultRequest={"memory": "1Gi"})], True),
    ],
)
def test_containers_state_what_a_quota_counts(added: list[Any], told: bool) -> None:
    assert ("T811" in codes([*examples.base("disaggregated"), *added])) is told


def test_a_limit_is_a_request() -> None:
    objects = examples.base("disaggregated")
    for each in objects:
        template = each.get("spec", {}).get("template") or {"spec": {}}
        spec = template["spec"]
        for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
            container.setdefault("resources", {}).setdefault("limits", {})["memory"] = "1Gi"
    assert "T811" not in codes([*objects, MEMORY])


@pytest.mark.parametrize(("allowed", "told"), [("1", True), ("2", False), ("1k", False)])
def test_devices_of_a_quota(allowed: str, told: bool) -> None:
    added = quota({"requests.nvidia.com/gpu": allowed})
    assert ("T812" in codes([*examples.base("sglang"), added])) is told
