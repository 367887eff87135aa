"""A PodDisruptionBudget: how many pods an eviction may take away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.topology.kube_object import KubeObject, SourceValue, share
from cdk8s_inference.topology.selector import Selector, label_selector
from cdk8s_inference.topology.workload import Pods


@dataclass(frozen=True, eq=False)
class Budget:
    """A PodDisruptionBudget.

    Attributes:
        object: The object.
        pods: The pods that it selects.
        count: How many of them run at the least; of what may be scaled to zero, one copy.
    """

    object: KubeObject
    pods: tuple[Pods, ...]
    count: int

    @cached_property
    def selector(self) -> SourceValue[Selector]:
        """Which pods of its namespace it protects."""
        return label_selector(self.object, self.object.at("spec", "selector"))

    @cached_property
    def limit(self) -> SourceValue[int | str] | None:
        """The field that says how many: ``maxUnavailable``, or else ``minAvailable``."""
        spec = self.object.at("spec")
        return self.object.amount(spec["maxUnavailable"]) or self.object.amount(
            spec["minAvailable"]
        )

    @cached_property
    def allowed(self) -> SourceValue[int] | None:
        """How many may be away while the others run; None where that cannot be told.

        Percentages are rounded up on either side, as the disruption controller does.
        """
        limit = self.limit
        if limit is None:
            return None
        if limit.path[-1] == "maxUnavailable":
            # Which pods it selects does not matter to a budget that allows none of any number.
            away = share(limit.value, self.count or 1)
            return None if away is None else limit.of(away)
        stay = share(limit.value, self.count)
        return None if stay is None or not self.count else limit.of(max(0, self.count - stay))
