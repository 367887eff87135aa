"""A PodDisruptionBudget over engines that stand in for one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cdk8s_inference import labels
from cdk8s_inference.construct_tree import ApiObject, ApiObjectMetadata, Construct
from cdk8s_inference.document.disruption import budget_name, component, phases_of_several
from cdk8s_inference.manifest import manifest

if TYPE_CHECKING:
    from cdk8s_inference.engines.engine_group import EngineGroup


def disruption_budget(
    scope: Construct, id: str, *, engines: Sequence[EngineGroup], metadata: ApiObjectMetadata
) -> ApiObject:
    """Lets one pod of these engines be evicted at a time.

    The disruption controller counts the pods of every Deployment and StatefulSet that the budget
    selects, so it selects all pods of a gang: the others are deleted when one is evicted, and until
    all are Ready again no further pod may go, of this gang or of another.
    """
    names = [engine.name for engine in engines]
    selector: Mapping[str, object] = {"matchLabels": {labels.ENGINE: names[0]}}
    if len(names) > 1:
        among = {"key": labels.ENGINE, "operator": "In", "values": names}
        selector = {"matchExpressions": [among]}
    return manifest(
        scope,
        id,
        api_version="policy/v1",
        kind="PodDisruptionBudget",
        metadata=metadata,
        body={
            "spec": {
                "maxUnavailable": 1,
                "selector": selector,
                # A pod that loads its model, perhaps in vain, must not hold up a drain.
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            }
        },
    )


def phase_budgets(
    scope: Construct,
    *,
    engines: Sequence[EngineGroup],
    name: str,
    namespace: str,
    part_of: str | None,
    object_labels: Mapping[str, str] | None,
) -> None:
    """A budget over the engines of each phase that has several copies.

    Args:
        engines: Engines that have none of their own: a pod is in one budget at most.
        name: The replica, or the deployment, that the engines are of.
        namespace: Their namespace.
        part_of: Value of ``app.kubernetes.io/part-of``.
        object_labels: Further labels of the budgets.
    """
    for stage in phases_of_several(engine.engine for engine in engines):
        own = labels.recommended(
            name="model-server", instance=name, component=component(stage), part_of=part_of
        )
        disruption_budget(
            scope,
            f"{component(stage)}-disruption-budget",
            engines=[engine for engine in engines if engine.engine.stage == stage],
            metadata=ApiObjectMetadata(
                name=budget_name(name, stage),
                namespace=namespace,
                labels=labels.merged(own, object_labels or {}),
            ),
        )
