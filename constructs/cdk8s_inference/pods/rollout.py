"""Rollout: how the pods of an engine are replaced by those of a new revision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from cdk8s_inference.arguments import checked
from cdk8s_inference.pods.stated import stated

_NotNegative = Annotated[int, Field(ge=0)]

Pods = _NotNegative | Annotated[str, StringConstraints(pattern=r"^[0-9]+%$")]
"""A number of copies, or a share of them such as ``25%``."""


@checked
@dataclass(frozen=True)
class Rollout:
    """How the pods of an engine are replaced by those of a new revision.

    ``Platform`` and ``Engine`` each take one; what an engine leaves out is the platform's. A
    Deployment by itself starts the new pods first, which wait for devices that the old ones have if
    the cluster has none to spare: :meth:`in_place` stops old ones first. A gang is replaced in
    place unless told otherwise.

    Attributes:
        strategy: ``RollingUpdate`` (Kubernetes' default), or ``Recreate``: all pods stop, then all
            start. A gang has no ``Recreate``.
        max_surge: Copies that may be there beside the wanted ones.
        max_unavailable: Copies that may be missing.
        min_ready_seconds: How long a new pod must be Ready before the next is replaced. Of
            Deployments alone.
        revision_history_limit: Old revisions that are kept to return to. Of Deployments alone.
    """

    strategy: Literal["RollingUpdate", "Recreate"] | None = None
    max_surge: Pods | None = None
    max_unavailable: Pods | None = None
    min_ready_seconds: _NotNegative | None = None
    revision_history_limit: _NotNegative | None = None

    def __post_init__(self) -> None:
        amounts = (self.max_surge, self.max_unavailable)
        if self.strategy == "Recreate" and amounts != (None, None):
            raise ValueError(
                "Recreate stops all pods, so max_surge and max_unavailable mean nothing; leave "
                "them out"
            )
        if all(amount in (0, "0%") for amount in amounts):
            raise ValueError(
                "max_surge and max_unavailable are 0, and no pod could be replaced; give one of "
                "them 1"
            )

    @classmethod
    def in_place(cls) -> Rollout:
        """One copy at a time stops before its successor starts, which gets its devices.

        With one copy the engine serves nothing while the new one loads.
        """
        return cls(max_surge=0, max_unavailable=1)

    def over(self, below: Rollout) -> Rollout:
        """This one, with what it leaves out from ``below``."""
        said = stated(self)
        if said.get("strategy") == "Recreate":
            said |= {"max_surge": None, "max_unavailable": None}
        elif said.keys() & {"max_surge", "max_unavailable"} and below.strategy == "Recreate":
            said.setdefault("strategy", "RollingUpdate")
        return replace(below, **said)

    def deployment(self) -> dict[str, Any]:
        """The fields of a Deployment's spec."""
        rolling = self._amounts()
        strategy: dict[str, Any] = {}
        if self.strategy is not None or rolling:
            strategy = {"type": self.strategy or "RollingUpdate"}
        if rolling:
            strategy["rollingUpdate"] = rolling
        wanted = {
            "strategy": strategy or None,
            "minReadySeconds": self.min_ready_seconds,
            "revisionHistoryLimit": self.revision_history_limit,
        }
        return {key: value for key, value in wanted.items() if value is not None}

    def gang(self) -> dict[str, Any]:
        """The ``rolloutStrategy`` of a LeaderWorkerSet.

        Its defaults are those of a webhook alone. Stored before the webhook runs, a gang without a
        rolloutStrategy never starts: the controller panics whenever it reads it.
        """
        amounts = {"maxUnavailable": 1, "maxSurge": 0, **self._amounts()}
        return {
            "type": "RollingUpdate",
            "rollingUpdateConfiguration": {"partition": 0, **amounts},
        }

    def _amounts(self) -> dict[str, Any]:
        amounts = {"maxSurge": self.max_surge, "maxUnavailable": self.max_unavailable}
        return {key: value for key, value in amounts.items() if value is not None}
