"""Simulation: a twin of a deployment, whose engines are simulators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from cdk8s_inference.arguments import checked
from cdk8s_inference.kubernetes_types import Image, Quantity

_Milliseconds = Annotated[int, Field(ge=0)]


@checked
@dataclass(frozen=True)
class Simulation:
    """A twin of a deployment: the same topology with llm-d-inference-sim in place of engines.

    Workloads, labels, ports, routes, pools, picker and pd-sidecar are the same. Engines need no
    device, no model cache and no Secret, and answer at random: a cluster on a laptop runs them.

    Attributes:
        image: llm-d-inference-sim, such as one in a registry of your own; None takes the release
            that the router's release is tested with.
        cpu: Cores that each container requests: engine, sidecar, picker, and the picker's Envoy.
        memory: Memory that each container requests.
        first_token_milliseconds: Time that an engine takes to its first token.
        token_milliseconds: Time that it takes to each further token.
    """

    image: Image | None = None
    cpu: Quantity = "20m"
    memory: Quantity = "64Mi"
    first_token_milliseconds: _Milliseconds = 0
    token_milliseconds: _Milliseconds = 0

    @property
    def requests(self) -> Mapping[str, str]:
        """What each container requests."""
        return {"cpu": self.cpu, "memory": self.memory}
