"""PickerOptions: how an endpoint picker is run, beside what it is configured to pick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from cdk8s_inference.arguments import checked
from cdk8s_inference.gateways.provider import FailureMode

PickerMetrics = Literal["open", "authenticated"]

_Positive = Annotated[int, Field(ge=1)]


@checked
@dataclass(frozen=True)
class PickerOptions:
    """How the endpoint picker of a pool is run.

    Attributes:
        high_availability: Runs a standby beside the leader: two replicas, leader election, the
            permissions for it. The standby is never Ready, so that the gateway asks the leader
            alone; its Deployment is therefore never Available, and ``kubectl rollout status``
            does not end. A failover takes 3 s after a shutdown and up to 21 s after a crash
            (seen run). Without it a crash takes as long as the picker's start.
        keep_from_eviction: Adds a PodDisruptionBudget that refuses to evict the picker that
            answers. A drain of its node then waits until somebody deletes the pod: no budget can
            say "when the standby is there", since a standby is never Ready.
        metrics: Who may scrape port 9090. ``open``: anybody in the cluster. ``authenticated``:
            who may get the path ``/metrics``, for which a ClusterRole is composed; the picker
            then needs, and gets, one to review tokens.
        failure_mode: What the gateway does without a picker: refuse (``FailClose``) or send
            anywhere in the pool (``FailOpen``), decode and prefill pods alike. Envoy AI Gateway
            refuses whatever is written here (envoyproxy/ai-gateway#2502).
        cpu: Cores requested. There is no limit: throttling would delay every request.
        memory_gibibytes: Memory requested.
        memory_limit_gibibytes: Memory at which it is killed.
        drain_seconds: How long it answers on after SIGTERM, where the release can be told.
    """

    high_availability: bool = False
    keep_from_eviction: bool = False
    metrics: PickerMetrics = "open"
    failure_mode: FailureMode = "FailClose"
    cpu: Annotated[float, Field(gt=0)] = 1
    memory_gibibytes: _Positive = 1
    memory_limit_gibibytes: _Positive = 8
    drain_seconds: _Positive = 30

    def __post_init__(self) -> None:
        if self.memory_limit_gibibytes < self.memory_gibibytes:
            raise ValueError(
                f"memory_limit_gibibytes is {self.memory_limit_gibibytes}, below the "
                f"{self.memory_gibibytes} that memory_gibibytes requests; raise it"
            )
