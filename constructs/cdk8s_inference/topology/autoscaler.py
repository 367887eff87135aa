"""What changes how many copies of a workload run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.topology.kube_object import KubeObject, SourceValue
from cdk8s_inference.topology.reference import Reference
from cdk8s_inference.topology.workload import Workload

AUTOSCALER_KINDS = ("HorizontalPodAutoscaler", "ScaledObject")


@dataclass(frozen=True, eq=False)
class Autoscaler:
    """A HorizontalPodAutoscaler, or a ScaledObject of KEDA.

    Attributes:
        object: The object.
    """

    object: KubeObject

    @cached_property
    def target(self) -> Reference:
        """What it scales: by KEDA a Deployment unless written."""
        at = self.object.at("spec", "scaleTargetRef")
        group = (at["apiVersion"].text or "apps/v1").rpartition("/")[0]
        return Reference(self.object, at, group, "Deployment")

    @cached_property
    def least(self) -> SourceValue[int]:
        """Copies that run at the least: 1 unless written, and by KEDA 0."""
        keda = self.object.kind == "ScaledObject"
        at = self.object.at("spec", "minReplicaCount" if keda else "minReplicas")
        return self.object.number(at) or self.object.value_at(at, 0 if keda else 1)

    @cached_property
    def most(self) -> SourceValue[int] | None:
        """Copies that run at the most: by KEDA 100 unless written; None where that is missing."""
        if self.object.kind == "ScaledObject":
            at = self.object.at("spec", "maxReplicaCount")
            return self.object.number(at) or self.object.value_at(at, 100)
        return self.object.number(self.object.at("spec", "maxReplicas"))

    @property
    def wakes(self) -> bool:
        """Whether it scales up from 0 copies, as KEDA does.

        A HorizontalPodAutoscaler is off then: ScalingActive is False, reason ScalingDisabled.
        """
        return self.object.kind == "ScaledObject"

    def scales(self, workload: Workload) -> bool:
        """Whether a workload is its target."""
        target = self.target
        return (target.kind, target.namespace, target.name.value) == (
            workload.kind,
            workload.namespace,
            workload.name,
        )
