"""PodDisruptionBudgets that select the same pods."""

from __future__ import annotations

import pytest

from tests.checks.rendered import Json, codes


def _deployment(name: str, namespace: str = "llm", **labels: str) -> Json:
    spec = {"containers": [{"name": "it", "image": "example.com/it:v1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _budget(name: str, namespace: str = "llm", **selector: object) -> Json:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"maxUnavailable": 1, "selector": selector},
    }


ENGINES = (
    _deployment("decode", app="qwen", role="decode"),
    _deployment("prefill", app="qwen", role="prefill"),
)
DECODE = _budget("decode", matchLabels={"role": "decode"})


@pytest.mark.parametrize(
    ("other", "overlap"),
    [
        (_budget("all", matchLabels={"app": "qwen"}), True),
        (
            _budget("any", matchExpressions=[{"key": "role", "operator": "Exists"}]),
            True,
        ),
        (_budget("every"), True),
        (_budget("prefill", matchLabels={"role": "prefill"}), False),
        (_budget("all", "elsewhere", matchLabels={"app": "qwen"}), False),
        # One object twice, or alternatives.
        (_budget("decode", matchLabels={"app": "qwen"}), False),
    ],
    ids=lambda value: value["metadata"]["name"] if isinstance(value, dict) else "",
)
def test_two_budgets(other: Json, overlap: bool) -> None:
    elsewhere = _deployment("decode", "elsewhere", app="qwen", role="decode")
    assert ("T810" in codes([*ENGINES, elsewhere, DECODE, other])) == overlap
