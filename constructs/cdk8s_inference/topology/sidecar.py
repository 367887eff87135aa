"""The pd-sidecar in front of an engine."""

from __future__ import annotations

from functools import cached_property

from cdk8s_inference.topology.engine import ports_from
from cdk8s_inference.topology.kube_object import SourceValue
from cdk8s_inference.topology.program import RouterProgram


class Sidecar(RouterProgram):
    """The pd-sidecar, which has prefill done elsewhere and then lets its engine decode."""

    @cached_property
    def port(self) -> SourceValue[int] | None:
        """Where it takes requests."""
        return self.number("port")

    @cached_property
    def engine_port(self) -> SourceValue[int] | None:
        """Where it expects its engine."""
        return self.number(self.reads.sidecar.engine_port_flag, "model-server-port", "vllm-port")

    @cached_property
    def ranks(self) -> int:
        """How many ports it listens on, one for each data-parallel rank."""
        found = self.number("data-parallel-size")
        return found.value if found else 1

    @cached_property
    def ports(self) -> tuple[int, ...]:
        """Every port it takes requests on; empty where they cannot be read."""
        return () if self.port is None else ports_from(self.port.value, self.ranks)

    @cached_property
    def connector(self) -> SourceValue[str]:
        """How it hands the KV cache over."""
        return self.flag("kv-connector", "connector")
