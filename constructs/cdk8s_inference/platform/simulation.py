"""Simulation: a twin of a deployment, whose engines need no devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from cdk8s_inference.arguments import checked
from cdk8s_inference.kubernetes_types import Image, NonEmpty, Quantity

_Milliseconds = Annotated[int, Field(ge=0)]


@checked
@dataclass(frozen=True)
class CpuVllm:
    """vLLM on the CPU with a small model.

    Attributes:
        model: What it serves, under the names that the engine has for its own model.
        image: vLLM for the CPU. The default lacks NIXL, without which prefill and decode engines do
            not start (D145): give an image that has it, of v0.31.0 or later.
        cpu: Cores that each engine requests. While it starts it takes what there is.
        memory: Memory that each engine requests: vLLM itself takes about 2Gi.
    """

    model: NonEmpty = "HuggingFaceTB/SmolLM2-135M-Instruct"
    image: Image = "vllm/vllm-openai-cpu:v0.32.0"
    cpu: Quantity = "500m"
    memory: Quantity = "3Gi"


@checked
@dataclass(frozen=True)
class Simulation:
    """A twin of a deployment: the same topology with llm-d-inference-sim in place of engines.

    Workloads, labels, ports, routes, pools, picker and pd-sidecar are the same. Engines need no
    device, no model cache and no Secret, and answer at random: a cluster on a laptop runs them.
    With ``vllm`` they answer as a small model does.

    Attributes:
        image: llm-d-inference-sim, such as one in a registry of your own; None takes the release
            that the router's release is tested with.
        cpu: Cores that each container requests: engine, sidecar, picker, and the picker's Envoy.
        memory: Memory that each container requests.
        first_token_milliseconds: Time that an engine takes to its first token.
        token_milliseconds: Time that it takes to each further token.
        vllm: Runs vLLM on the CPU in place of llm-d-inference-sim; None runs the simulator.
    """

    image: Image | None = None
    cpu: Quantity = "20m"
    memory: Quantity = "64Mi"
    first_token_milliseconds: _Milliseconds = 0
    token_milliseconds: _Milliseconds = 0
    vllm: CpuVllm | None = None

    def __post_init__(self) -> None:
        of_simulator = (self.image, self.first_token_milliseconds, self.token_milliseconds)
        if self.vllm is not None and any(of_simulator):
            raise ValueError(
                "image, first_token_milliseconds and token_milliseconds are the simulator's, which "
                "does not run with vllm; leave them out"
            )

    @property
    def requests(self) -> Mapping[str, str]:
        """What each container requests, but for engines."""
        return {"cpu": self.cpu, "memory": self.memory}

    @property
    def engine_requests(self) -> Mapping[str, str]:
        """What each engine requests."""
        runs = self.vllm or self
        return {"cpu": runs.cpu, "memory": runs.memory}
