"""How a controller replaces the pods of a workload whose template changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.topology import Workload
from cdk8s_inference.topology.kube_object import share, whole_number

Strategy = Literal["RollingUpdate", "Recreate", "OnDelete", "paused", "none"]


@dataclass(frozen=True)
class Rollout:
    """How the copies of a workload are replaced.

    Attributes:
        strategy: ``RollingUpdate``; ``Recreate``: all stop, then all start; ``OnDelete``: a copy
            is replaced when somebody deletes it; ``paused``: when it is resumed; ``none``: what
            runs is never replaced, as of a ReplicaSet.
        surge: Copies that may be there beside the wanted ones.
        unavailable: Copies that may be missing.
        partition: Copies that stay as they are.
    """

    strategy: Strategy = "RollingUpdate"
    surge: int = 0
    unavailable: int = 1
    partition: int = 0

    def replaced(self, copies: int) -> int:
        """How many of some copies are replaced by themselves."""
        if self.strategy in ("RollingUpdate", "Recreate"):
            return max(0, copies - self.partition)
        return 0

    def least_ready(self, copies: int) -> int:
        """How many copies keep serving while others are replaced, at the least."""
        if self.strategy == "Recreate":
            return 0
        return max(0, copies - min(self.unavailable, self.replaced(copies)))


def rollout_of(workload: Workload, copies: int) -> Rollout | None:
    """How a workload's copies are replaced; None where a controller of another project decides.

    Sources: kubernetes/kubernetes pkg/controller/deployment/util ResolveFenceposts, of a
    Deployment; "Update strategies" of StatefulSet and DaemonSet in Kubernetes' documentation;
    kubernetes-sigs/lws v0.9.0 leaderworkerset_controller.go.
    """
    if workload.is_controlled:
        return None
    at = workload.at
    if workload.kind == "Deployment":
        if at["paused"].value is True:
            return Rollout("paused")
        if workload.recreates:
            return Rollout("Recreate", unavailable=copies)
        rolling = at.at("strategy", "rollingUpdate")
        surge = _amount(rolling["maxSurge"].value, "25%", copies, up=True)
        unavailable = _amount(rolling["maxUnavailable"].value, "25%", copies, up=False)
        if not surge and not unavailable:
            unavailable = 1
        return Rollout(surge=surge, unavailable=unavailable)
    if workload.kind == "StatefulSet":
        strategy = at["updateStrategy"]
        if strategy["type"].text == "OnDelete":
            return Rollout("OnDelete")
        partition = strategy.at("rollingUpdate", "partition").value
        return Rollout(partition=partition if isinstance(partition, int) else 0)
    if workload.kind == "DaemonSet":
        strategy = at["updateStrategy"]
        if strategy["type"].text == "OnDelete":
            return Rollout("OnDelete")
        rolling = strategy["rollingUpdate"]
        surge = _amount(rolling["maxSurge"].value, 0, copies, up=True)
        return Rollout(
            surge=surge, unavailable=_amount(rolling["maxUnavailable"].value, 1, copies, up=True)
        )
    if workload.kind in ("LeaderWorkerSet", "DisaggregatedSet"):
        rolling = at.at("rolloutStrategy", "rollingUpdateConfiguration")
        partition = rolling["partition"].value
        return Rollout(
            surge=min(copies, _amount(rolling["maxSurge"].value, 0, copies, up=True)),
            unavailable=_amount(rolling["maxUnavailable"].value, 1, copies, up=False),
            partition=partition if isinstance(partition, int) else 0,
        )
    return Rollout("none")


def _amount(written: object, default: int | str, copies: int, *, up: bool) -> int:
    value = written if isinstance(written, (int, str)) else default
    if up or isinstance(value, int):
        return share(value, copies) or 0
    number = whole_number(value.removesuffix("%"))
    return 0 if number is None else number * copies // 100
