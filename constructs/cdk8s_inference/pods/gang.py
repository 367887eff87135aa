"""GangPlacement: where the pods of a gang go, and when its followers start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import MetadataKey
from cdk8s_inference.pods.stated import stated

_PREFIX = "leaderworkerset.sigs.k8s.io/"


@checked
@dataclass(frozen=True)
class GangPlacement:
    """Where the pods of a gang go, and when its followers start.

    ``Platform`` and ``Engine`` each take one as ``gang``; what an engine leaves out is the
    platform's. It means nothing to an engine of one pod.

    Attributes:
        exclusive_topology: Label of nodes, such as that of a rack: all pods of a gang go to one
            such domain, and those of no other gang.
        subgroup_size: Pods of a subgroup, such as those of a pipeline stage. It divides the pods
            of the gang, or those without the leader.
        subgroup_type: Whether the leader is in the first subgroup (``LeaderWorker``, the default)
            or in none (``LeaderExcluded``).
        subgroup_exclusive_topology: As ``exclusive_topology``, for each subgroup.
        startup_policy: ``LeaderCreated`` (default) starts followers at once. ``LeaderReady`` waits
            until the leader is Ready, which most servers are only when their followers have joined.
    """

    exclusive_topology: MetadataKey | None = None
    subgroup_size: Annotated[int, Field(ge=1, le=64)] | None = None
    subgroup_type: Literal["LeaderWorker", "LeaderExcluded"] | None = None
    subgroup_exclusive_topology: MetadataKey | None = None
    startup_policy: Literal["LeaderCreated", "LeaderReady"] | None = None

    def over(self, below: GangPlacement) -> GangPlacement:
        """This one, with what it leaves out from ``below``."""
        return replace(below, **stated(self))

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations of the LeaderWorkerSet."""
        wanted = {
            "exclusive-topology": self.exclusive_topology,
            "subgroup-exclusive-topology": self.subgroup_exclusive_topology,
        }
        return {f"{_PREFIX}{key}": value for key, value in wanted.items() if value is not None}

    @property
    def subgroups(self) -> dict[str, Any] | None:
        """The LeaderWorkerSet's ``subGroupPolicy``."""
        if self.subgroup_size is None:
            return None
        kind = self.subgroup_type or "LeaderWorker"
        return {"subGroupPolicyType": kind, "subGroupSize": self.subgroup_size}
