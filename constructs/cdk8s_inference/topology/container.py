"""A container: what it runs, with which flags and environment, and how it is probed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from cdk8s_inference.servers import Given, Recognized, flags_given, recognize
from cdk8s_inference.servers.accelerators import is_device_of_one_rank, may_be_accelerator
from cdk8s_inference.servers.command_line import placed_words
from cdk8s_inference.servers.recognize import other_program
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.claim import ClaimUse
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue, whole_number

_VARIABLE = re.compile(
    r"\$\((?P<kubernetes>\w+)\)"
    r"|\$\{(?P<braced>\w+)(?::?-(?P<default>[^}$]*))?\}"
    r"|\$(?P<plain>[A-Za-z_]\w*)"
)

ProbeKind = Literal["startupProbe", "readinessProbe", "livenessProbe"]
PROBE_KINDS: tuple[ProbeKind, ...] = ("startupProbe", "readinessProbe", "livenessProbe")


@dataclass(frozen=True, eq=False)
class Probe:
    """How the kubelet asks a container.

    Attributes:
        kind: Which of the three.
        at: Where.
        port: The port asked; None where a name stands for no port of the container.
        written: The port as written, where it is.
        path: The HTTP path.
        service: The gRPC health service.
    """

    kind: ProbeKind
    at: Cursor
    port: SourceValue[int] | None
    written: SourceValue[str] | None
    path: SourceValue[str] | None
    service: SourceValue[str] | None


@dataclass(frozen=True, eq=False)
class Container:
    """A container of a pod.

    Attributes:
        object: The object that composes the pod.
        at: Where.
        stays: Whether it runs as long as its pod: an init container does not, unless it is a
            native sidecar.
    """

    object: KubeObject
    at: Cursor
    stays: bool = True

    @cached_property
    def name(self) -> str:
        """Its name."""
        return self.at["name"].text or ""

    @property
    def here(self) -> SourceValue[str]:
        """Its name, as a place for what is about the whole of it."""
        return self.object.value_at(self.at["name"], self.name)

    @cached_property
    def image(self) -> SourceValue[str]:
        """Its image; empty where that is missing."""
        return self.object.value_at(self.at["image"], self.at["image"].text or "")

    @cached_property
    def image_name(self) -> str:
        """The last part of its image's name, without registry, tag and digest."""
        return self.image.value.partition("@")[0].rpartition("/")[2].partition(":")[0]

    @cached_property
    def image_tag(self) -> str:
        """Its image's tag; empty without one."""
        return self.image.value.partition("@")[0].rpartition("/")[2].partition(":")[2]

    @cached_property
    def environment(self) -> dict[str, SourceValue[str | None]]:
        """Its variables, empty without a value; None for a value that comes from elsewhere."""
        return {
            name: self.object.value_at(
                item, None if item["valueFrom"].present else item["value"].text or ""
            )
            for item in self.at["env"].items()
            if (name := item["name"].text)
        }

    def field_of(self, variable: str) -> str | None:
        """The pod's field that a variable takes, such as ``status.podIP``."""
        for item in self.at["env"].items():
            if item["name"].text == variable:
                return item.at("valueFrom", "fieldRef", "fieldPath").text
        return None

    @cached_property
    def words(self) -> list[SourceValue[str]]:
        """The words of what it runs, those of a shell's script too."""
        command, args = self.at["command"].strings, self.at["args"].strings
        return [
            self.object.value_at(self.at.at(*place), self._expanded(text))
            for text, place in placed_words(command, args, self._expanded)
        ]

    @cached_property
    def flags(self) -> list[SourceValue[Given]]:
        """The flags it is given, in order; variables are replaced where their value is known."""
        command, args = self.at["command"].strings, self.at["args"].strings
        given = self.expanded(flags_given(command, args, self._expanded))
        return [self.object.value_at(self.at.at(*flag.place), flag) for flag in given]

    @cached_property
    def recognized(self) -> Recognized | None:
        """The server that it runs, if it runs one."""
        command, args = self.at["command"].strings, self.at["args"].strings
        return recognize(command, args, self.image.value.lower(), self._expanded)

    @cached_property
    def other_program(self) -> str | None:
        """A program of a model server that serves no model, such as ``vllm launch``."""
        return other_program(self.at["command"].strings, self.at["args"].strings)

    def expanded(self, given: Iterable[Given]) -> list[Given]:
        """Flags whose variables are replaced where their value is known."""
        return [
            Given(
                self._expanded(flag.name),
                None if flag.value is None else self._expanded(flag.value),
                flag.joined,
                flag.place,
            )
            for flag in given
        ]

    def flag(self, *names: str) -> SourceValue[str] | None:
        """The value of a flag under any of its names, with dashes; the last one given counts.

        Underscores and dashes are the same, as to the engines' parsers. A flag that is given
        no value reads as ``true``.
        """
        found = None
        for flag in self.flags:
            if flag.value.name.replace("_", "-") in names:
                value = flag.value.value
                lone = value is None or (not flag.value.joined and value.startswith("--"))
                found = flag.of("true" if lone or value is None else value)
        return found

    def _expanded(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            name = match["kubernetes"] or match["braced"] or match["plain"]
            known = self.environment.get(name)
            if known is not None and known.value is not None:
                return known.value
            return match[0] if match["default"] is None else match["default"]

        return _VARIABLE.sub(value, text) if "$" in text else text

    @cached_property
    def ports(self) -> list[SourceValue[int]]:
        """The ports it declares."""
        numbers = (self.object.number(item["containerPort"]) for item in self.at["ports"].items())
        return [number for number in numbers if number is not None]

    def port_named(self, name: str) -> SourceValue[int] | None:
        """The port that it declares under a name."""
        for item in self.at["ports"].items():
            if item["name"].text == name:
                return self.object.number(item["containerPort"])
        return None

    @cached_property
    def privileged(self) -> SourceValue[bool]:
        """Whether it has all that the node has."""
        at = self.at.at("securityContext", "privileged")
        return self.object.value_at(at, at.value is True)

    @cached_property
    def claims(self) -> list[ClaimUse]:
        """What it uses of its pod's device claims."""
        return [
            ClaimUse(self.object.value_at(item["name"], item["name"].text), item["request"].text)
            for item in self.at.at("resources", "claims").items()
        ]

    @cached_property
    def plugin_devices(self) -> SourceValue[int] | None:
        """The devices that it gets of a device plugin, by a resource such as nvidia.com/gpu.

        Those of its first such resource of which each unit is one device of an engine.
        """
        for key, at in self._resources():
            number = whole_number(str(at.value))
            if is_device_of_one_rank(key) and number is not None:
                return self.object.value_at(at, number)
        return None

    @cached_property
    def may_have_accelerator(self) -> bool:
        """Whether a resource that it gets of a device plugin may be an accelerator."""
        return any(may_be_accelerator(key) for key, _ in self._resources())

    def _resources(self) -> Iterator[tuple[str, Cursor]]:
        for group in ("limits", "requests"):
            yield from self.at.at("resources", group).fields()

    @cached_property
    def probes(self) -> list[Probe]:
        """Its probes of a port."""
        return list(self._probes())

    def _probes(self) -> Iterator[Probe]:
        for kind in PROBE_KINDS:
            for action in ("httpGet", "grpc", "tcpSocket"):
                at = self.at[kind][action]
                if not at.present:
                    continue
                port = self.object.number(at["port"])
                named = self.object.text(at["port"])
                if port is None and named is not None:
                    known = self.port_named(named.value)
                    port = None if known is None else named.of(known.value)
                text = str(at["port"].value)
                yield Probe(
                    kind,
                    at,
                    port,
                    self.object.value_at(at["port"], text) if at["port"].present else None,
                    self.object.text(at["path"]),
                    self.object.text(at["service"]),
                )
