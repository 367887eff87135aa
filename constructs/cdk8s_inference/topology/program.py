"""A released program in a container, the endpoint picker or the pd-sidecar, and its flags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Generic, TypeVar

from cdk8s_inference.findings import Severity
from cdk8s_inference.releases import RELEASES, PickerRelease, ReleaseMatch
from cdk8s_inference.releases.release import Program
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.kube_object import SourceValue, whole_number

R = TypeVar("R", bound=PickerRelease)

_IMAGES: Mapping[Program, re.Pattern[str]] = {
    "picker": re.compile(r"inference-scheduler|endpoint-picker|(?<![^-_.])(?:lw)?epp(?![^-_.])"),
    "sidecar": re.compile(r"routing-sidecar|routing-proxy|disagg-sidecar|pd-sidecar"),
}
_TELLING_FLAGS: Mapping[Program, tuple[str, ...]] = {
    "picker": ("--pool-name", "-pool-name", "-poolName", "--poolName", "--endpoint-selector"),
    "sidecar": ("--kv-connector", "--vllm-port", "--model-server-port"),
}

_VERBOSITY = re.compile(r"-v\d+")
"""How pflag takes a flag of one letter together with its value."""


_NAMES = {flag.written: flag.name for each in RELEASES for flag in each.picker.flags}
"""What flags are called in most releases, by every way that one writes them."""


def runs(container: Container, program: Program) -> bool:
    """Whether a container runs a picker or a sidecar, by its image or by its flags."""
    if _IMAGES[program].search(container.image_name):
        return True
    return container.flag(*_TELLING_FLAGS[program]) is not None


@dataclass(frozen=True)
class FlagUse:
    """A flag that a program is given.

    Attributes:
        written: As it is written, with its dashes.
        value: Its value; ``true`` for a switch that is given none.
    """

    written: str
    value: SourceValue[str]


@dataclass(frozen=True)
class RefusedFlag:
    """A flag that ends a program.

    Attributes:
        use: Where it is given.
        hint: Why, or which releases have it, with the mark that joins it to a sentence; empty
            where nothing is known.
        instead: What to give in its place, where that is known.
    """

    use: FlagUse
    hint: str
    instead: str | None = None


@dataclass(frozen=True, eq=False)
class ReleasedProgram(Generic[R]):
    """A program of a product that has releases.

    Attributes:
        program: Which program it is.
        container: Its container.
    """

    program: ClassVar[Program]
    container: Container

    @cached_property
    def match(self) -> ReleaseMatch[R]:
        """Its release, or the nearest that is known, and why it is that one."""
        raise NotImplementedError

    @property
    def release(self) -> R:
        """The release by which it is judged."""
        return self.match.release

    @property
    def assumed_severity(self) -> Severity | None:
        """A note where its release is assumed: the severity of what follows from a release."""
        return None if self.match.assumed is None else "note"

    @cached_property
    def _written(self) -> list[str]:
        """The names of the flags that it is given, as written without dashes."""
        return [flag.value.name.lstrip("-") for flag in self.container.flags]

    @cached_property
    def uses(self) -> dict[str, FlagUse]:
        """The flags that it is given, by the names that they have in every release."""
        known = self.release.flags(self.program)
        names = {flag.written: name for name, flag in known.items()}
        found = {}
        for flag in self.container.flags:
            given = flag.value
            written = given.name.lstrip("-")
            if _VERBOSITY.fullmatch(given.name):
                found["v"] = FlagUse(given.name, flag.of(written[1:]))
                continue
            name = names.get(written) or _NAMES.get(written, written)
            takes = given.joined or (name in known and known[name].kind != "bool")
            lone = not takes or given.value is None
            found[name] = FlagUse(
                given.name, flag.of("true" if lone or given.value is None else given.value)
            )
        return found

    @cached_property
    def refused(self) -> list[RefusedFlag]:
        """The flags it is given that end it, by its release."""
        found = []
        for name, use in self.uses.items():
            if name in ("h", "help") or has_placeholder(use.written):
                continue
            refusal = self._refusal(name, use)
            if refusal is not None:
                found.append(RefusedFlag(use, *refusal))
        return found

    def _refusal(self, name: str, use: FlagUse) -> tuple[str, str | None] | None:
        known = self.release.flags(self.program).get(name)
        written = use.written.lstrip("-")
        one_dash = not use.written.startswith("--") and len(written) > 1
        if known is None:
            having = self.release.who_has(lambda other: other.has_flag(self.program, name))
            return f"; {having}" if having else "", None
        if known.stage == "refused":
            return "", known.instead
        if _VERBOSITY.fullmatch(use.written) and not self._takes_one_dash:
            return None
        if written != known.written:
            return f", which it writes --{known.written}", f"write --{known.written}"
        if one_dash and not self._takes_one_dash:
            return ": one dash is for flags of one letter", f"write --{known.written}"
        return None

    @property
    def _takes_one_dash(self) -> bool:
        return self.program == "picker" and self.release.picker.single_dash

    @cached_property
    def flags(self) -> dict[str, SourceValue[str]]:
        """The values of the flags that it is given; a switch without a value is ``true``."""
        return {name: use.value for name, use in self.uses.items()}

    def flag(self, *names: str) -> SourceValue[str]:
        """A flag's value under any of its names, or what the first is where it is not given."""
        for name in names:
            if name in self.flags:
                return self.flags[name]
        known = self.release.flags(self.program).get(names[0])
        variable = known and known.variable and self.container.environment.get(known.variable)
        if variable:  # One that is taken from elsewhere is left for the kubelet to fill in.
            return variable.of(variable.value or f"$({known and known.variable})")
        default = known and (known.effective or known.default)
        if known is None and self.program == "picker":
            default = self.release.picker.always.get(names[0])
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
