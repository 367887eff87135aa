"""A release of an endpoint picker, and the questions to ask of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal, TypeVar

from cdk8s_inference.releases.flag import Flag, FlagValue
from cdk8s_inference.releases.picker import Picker
from cdk8s_inference.releases.plugin_type import PluginRole, PluginType

Program = Literal["picker", "sidecar"]


_Self = TypeVar("_Self", bound="PickerRelease")


class NotInReleaseError(ValueError):
    """A release lacks what was asked of it; the message names the releases that have it."""


# Compared as objects: two that say the same are two, and one of them can be a key.
@dataclass(frozen=True, repr=False, eq=False)
class PickerRelease:
    """What one release of an endpoint picker is called and understands, whoever built it.

    Ask it; never compare versions or products. The attributes are the data, the methods the
    questions.

    Attributes:
        product: What it is a release of.
        version: The release's tag.
        picker: The endpoint picker.
        role_label: The pod label with a pod's part: ``encode``, ``prefill``, ``decode``.
        active_ports_annotation: The pod annotation that says which pool ports a pod serves.
    """

    product: ClassVar[str]
    version: str
    picker: Picker
    role_label: str = "llm-d.ai/role"
    active_ports_annotation: str = "llm-d.ai/active-ports"

    @property
    def title(self) -> str:
        """Its name in a sentence, such as ``router v0.10.0``."""
        return f"{self.product} {self.version}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.version}>"

    def __deepcopy__(self: _Self, memo: dict[int, object]) -> _Self:
        """Itself: pydantic copies a default for each value made, and a release takes long."""
        return self

    def image(self, program: Program = "picker") -> str | None:
        """A program's image; None of a program that the release does not have."""
        return self.picker.image if program == "picker" else None

    def flags(self, program: Program = "picker") -> Mapping[str, Flag]:
        """Every flag of a program, by name; none of a program that the release does not have."""
        return self._picker_flags if program == "picker" else {}

    @cached_property
    def _picker_flags(self) -> Mapping[str, Flag]:
        return {flag.name: flag for flag in self.picker.flags}

    def has_flag(self, program: Program, name: str) -> bool:
        """Whether a flag may be given: the program knows it and does not refuse it."""
        found = self.flags(program).get(name)
        return found is not None and found.stage != "refused"

    def flag(self, program: Program, name: str) -> Flag:
        """A flag that may be given.

        Raises:
            NotInReleaseError: The program does not know it, or refuses it.
        """
        if self.has_flag(program, name):
            return self.flags(program)[name]
        known = self.flags(program).get(name)
        instead = f"; {known.instead}" if known and known.instead else ""
        raise self._lacks(
            f"the {program}'s flag --{name}",
            lambda release: release.has_flag(program, name),
            instead,
        )

    def arguments(self, program: Program, values: Mapping[str, FlagValue]) -> list[str]:
        """Flags as the program's arguments, in the order given.

        >>> from cdk8s_inference.releases import ROUTER_NEWEST
        >>> ROUTER_NEWEST.arguments("picker", {"tracing": False, "grpc-port": 9002})
        ['--tracing=false', '--grpc-port=9002']

        Raises:
            NotInReleaseError: The program does not know a flag, or refuses it.
        """
        return [
            f"--{self.flag(program, name).written}={_argument(value)}"
            for name, value in values.items()
        ]

    def plugins(self) -> Mapping[str, PluginType]:
        """Every plugin type of the picker, by name."""
        return self._plugins

    @cached_property
    def _plugins(self) -> Mapping[str, PluginType]:
        return {plugin.type: plugin for plugin in self.picker.plugins}

    def has_plugin(self, type: str) -> bool:
        """Whether the picker registers a plugin type."""
        return type in self.plugins()

    def plugin(self, type: str) -> PluginType:
        """A plugin type.

        Raises:
            NotInReleaseError: The picker does not register it.
        """
        found = self.plugins().get(type)
        if found is not None:
            return found
        raise self._lacks(f"plugin {type!r}", lambda release: release.has_plugin(type))

    def plugins_for(self, role: PluginRole) -> tuple[PluginType, ...]:
        """The plugin types that can play a role."""
        return tuple(plugin for plugin in self.picker.plugins if role in plugin.roles)

    def has_gate(self, name: str) -> bool:
        """Whether the picker's configuration may name a feature gate."""
        return name in self.picker.config.gates

    def lease(self, namespace: str, pool: str) -> str:
        """The name of the lease that the leader of a pool's pickers holds."""
        return self.picker.lease.format(namespace=namespace, pool=pool)

    def patched(self: _Self, version: str) -> _Self:
        """A patch release, of which nothing is known to differ but its tag."""
        image = self.picker.image.replace(self.version, version)
        return replace(self, version=version, picker=replace(self.picker, image=image))

    def others_with(self, has: Callable[[PickerRelease], bool]) -> list[str]:
        """The versions of the same product's releases for which the answer is yes."""
        from cdk8s_inference.releases import RELEASES

        return releases_with((each for each in RELEASES if each.product == self.product), has)

    def who_has(self, has: Callable[[PickerRelease], bool]) -> str:
        """The other releases for which the answer is yes, as a clause; empty for none.

        Releases of other products are named where none of its own is left.
        """
        from cdk8s_inference.releases import RELEASES

        products = list(dict.fromkeys((self.product, *(each.product for each in RELEASES))))
        for product in products:
            versions = releases_with(
                (each for each in RELEASES if each.product == product and each is not self), has
            )
            if versions:
                verb = "have" if len(versions) > 1 else "has"
                return f"{product} {', '.join(versions)} {verb} it"
        return ""

    def _lacks(
        self, what: str, has: Callable[[PickerRelease], bool], hint: str = ""
    ) -> NotInReleaseError:
        versions = self.others_with(has)
        who = f"releases that have it: {', '.join(versions)}" if versions else "no release has it"
        return NotInReleaseError(f"{self.title} lacks {what}; {who}{hint}")


_Release = TypeVar("_Release", bound=PickerRelease)


def releases_with(releases: Iterable[_Release], has: Callable[[_Release], bool]) -> list[str]:
    """The versions of those releases for which the answer is yes."""
    return [release.version for release in releases if has(release)]


def _argument(value: FlagValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return str(value)
