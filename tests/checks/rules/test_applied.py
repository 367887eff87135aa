"""Quantities, and what the API server refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cdk8s_inference.findings import Edit
from cdk8s_inference.schemas.quantity import quantity
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
