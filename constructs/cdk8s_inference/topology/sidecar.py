"""The pd-sidecar in front of an engine."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from cdk8s_inference.releases import ROUTER, ReleaseMatch, RouterRelease
from cdk8s_inference.releases.release import Program
from cdk8s_inference.topology.engine import ports_from
from cdk8s_inference.topology.kube_object import SourceValue
from cdk8s_inference.topology.program import ReleasedProgram


class Sidecar(ReleasedProgram[RouterRelease]):
    """The pd-sidecar, which has prefill done elsewhere and then lets its engine decode."""

    program: ClassVar[Program] = "sidecar"

    @cached_property
    def match(self) -> ReleaseMatch[RouterRelease]:
        """Its release, or the nearest that is known, and why it is that one."""
        image = self.container.image_name, self.container.image_tag
        return ROUTER.match("sidecar", *image, self._written)

    @cached_property
    def port(self) -> SourceValue[int] | None:
        """Where it takes requests."""
        return self.number("port")

    @cached_property
    def engine_port(self) -> SourceValue[int] | None:
        """Where it expects its engine."""
        return self.number(self.release.sidecar.engine_port_flag, "model-server-port", "vllm-port")

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
