"""Which engines stand in for one another while pods are evicted: those of one phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cdk8s_inference import names
from cdk8s_inference.document.model_deployment import Engine, Stage


def phases_of_several(engines: Iterable[Engine]) -> list[Stage | None]:
    """The phases that several copies have together; None is that of Unified engines."""
    copies: Counter[Stage | None] = Counter()
    for engine in engines:
        copies[engine.stage] += engine.copies
    return [stage for stage, count in copies.items() if count > 1]


def component(stage: Stage | None) -> str:
    """What engines of a phase are, as labels and names say it."""
    return stage.lower() if stage else "engine"


def budget_name(name: str, stage: Stage | None) -> str:
    """The name of the PodDisruptionBudget of a phase of a deployment, or of a replica.

    It stays when engines, copies or replicas are added: a pod that two budgets select is not
    evicted at all, and an old one may be left in the cluster.
    """
    return names.join(name, component(stage))
