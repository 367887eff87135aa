"""Quantities, and what the API server refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cdk8s_inference.findings import REMOVED, Edit
from cdk8s_inference.quantity import quantity
from tests.checks.rendered import codes
from tests.kit import examples

_PREFILL = "Deployment/prefill"
_ENGINE = "spec.template.spec.containers[0]"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("512Mi", Decimal(512 * 1024**2)),
        ("1.5Gi", Decimal(1024**3) * Decimal("1.5")),
        ("100m", Decimal("0.1")),
        (2, Decimal(2)),
        ("1e3", Decimal(1000)),
        ("1E", Decimal(10) ** 18),
        ("1Ei", Decimal(1024) ** 6),
        ("64GB", None),
        ("8192mi", None),
        ("", None),
        (True, None),
    ],
)
def test_quantities(text: object, amount: Decimal | None) -> None:
    assert quantity(text) == amount


@pytest.mark.parametrize(
    ("path", "value", "reported"),
    [
        ("spec.replicas", -1, {"T102", "T632"}),
        (f"{_ENGINE}.name", "vLLM", {"T632"}),
        (f"{_ENGINE}.ports[0].containerPort", 0, {"T601", "T632"}),
        ("spec.template.spec.restartPolicy", "Always", set()),
        (f"{_ENGINE}.resources.limits", {"memory": "100Gi"}, set()),
        (f"{_ENGINE}.resources.requests", {"memory": "$(MEMORY)"}, set()),
    ],
)
def test_workloads(path: str, value: object, reported: set[str]) -> None:
    objects = examples.base("disaggregated", Edit(_PREFILL, path, value))
    assert codes(objects) - {"T001"} == reported


_ENV = f"{_ENGINE}.env[1]"
_NO_FIELD = {"name": "pod", "projected": {"sources": [{"downwardAPI": {"items": [{"path": "a"}]}}]}}


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (_ENV, {"value": "1"}, "K003"),
        (_ENV, {"name": "A", "valueFrom": {}}, "T632"),
        (_ENV, {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIPx"}}}, "T632"),
        (_ENV, {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}, None),
        ("spec.template.spec.volumes[1]", _NO_FIELD, "T632"),
        ("spec.template.spec.tolerations", [{"operator": "Exist"}], "T632"),
        ("spec.template.spec.tolerations", [{"operator": "Exists", "effect": ""}], None),
        ("spec.template.spec.volumes[1]", {"name": "empty"}, None),
        (f"{_ENGINE}.resources.requests", {"rdma/ib": 1}, "T633"),
        (f"{_ENGINE}.resources.requests", {"hugepages-2Mi": "1Gi"}, None),
    ],
)
def test_pods(path: str, value: object, code: str | None) -> None:
    objects = examples.base("disaggregated", Edit(_PREFILL, path, value))
    assert codes(objects) - {"T001"} == ({code} if code else set())


def test_a_gang_without_containers() -> None:
    followers = "spec.leaderWorkerTemplate.workerTemplate"
    for path in (f"{followers}.spec", "spec.leaderWorkerTemplate.leaderTemplate.spec"):
        objects = examples.base("gang", Edit("LeaderWorkerSet/kimi", path, REMOVED))
        assert "T632" in codes(objects)
    objects = examples.base("gang", Edit("LeaderWorkerSet/kimi", followers, REMOVED))
    assert "K003" in codes(objects)
