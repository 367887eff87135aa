"""A program of the router in a container: the picker or the sidecar, and its flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES, RouterRelease
from cdk8s_inference.releases.release import Program
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.kube_object import SourceValue, whole_number

_IMAGES: Mapping[Program, tuple[str, ...]] = {
    "picker": ("inference-scheduler", "endpoint-picker", "epp"),
    "sidecar": ("routing-sidecar", "disagg-sidecar", "pd-sidecar"),
}
_TELLING_FLAGS: Mapping[Program, tuple[str, ...]] = {
    "picker": ("--pool-name", "--endpoint-selector"),
    "sidecar": ("--kv-connector", "--vllm-port", "--model-server-port"),
}


def runs(container: Container, program: Program) -> bool:
    """Whether a container runs a program of the router, by its image or by its flags."""
    if any(part in container.image_name for part in _IMAGES[program]):
        return True
    return container.flag(*_TELLING_FLAGS[program]) is not None


@dataclass(frozen=True, eq=False)
class RouterProgram:
    """A program of the router.

    Attributes:
        container: Its container.
        program: Which of the two.
    """

    container: Container
    program: Program

    @cached_property
    def release(self) -> RouterRelease | None:
        """Its release, by its image's tag; None for one that this library does not know."""
        tag = self.container.image_tag
        return next((each for each in ROUTER_RELEASES if each.version == tag), None)

    @cached_property
    def reads(self) -> RouterRelease:
        """The release by whose flags it is read: its own, or the newest."""
        return self.release or ROUTER_NEWEST

    @cached_property
    def flags(self) -> dict[str, SourceValue[str]]:
        """The flags that it is given, without dashes; a switch without a value is ``true``."""
        known = self.reads.flags(self.program)
        found = {}
        for flag in self.container.flags:
            given = flag.value
            name = given.name.lstrip("-")
            takes = given.joined or (name in known and known[name].kind != "bool")
            lone = not takes or given.value is None
            found[name] = flag.of("true" if lone or given.value is None else given.value)
        return found

    def flag(self, *names: str) -> SourceValue[str]:
        """A flag's value under any of its names, or the default of the first."""
        for name in names:
            if name in self.flags:
                return self.flags[name]
        known = self.reads.flags(self.program).get(names[0])
        default = "" if known is None else known.effective or known.default
        text = str(default).lower() if isinstance(default, bool) else str(default or "")
        return self.container.here.of(text)

    def number(self, *names: str) -> SourceValue[int] | None:
        """A flag's number; None where it is none."""
        found = self.flag(*names)
        number = whole_number(found.value)
        return None if number is None else found.of(number)

    def switch(self, name: str) -> SourceValue[bool]:
        """Whether a switch is on; Go takes ``1``, ``t`` and ``TRUE`` for true as well."""
        found = self.flag(name)
        return found.of(found.value.lower() in ("true", "t", "1"))
