"""The endpoint picker of a pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from cdk8s_inference.releases import PickerRelease, ReleaseMatch, picker_release
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.release import Program
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.chart_release import yaml_in
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue, whole_number
from cdk8s_inference.topology.mounted_file import config_map_of
from cdk8s_inference.topology.program import ReleasedProgram
from cdk8s_inference.topology.selector import Selector, written_selector

if TYPE_CHECKING:
    from cdk8s_inference.topology.workload import Pods


@dataclass(frozen=True, eq=False)
class Picker(ReleasedProgram[PickerRelease]):
    """The endpoint picker, whichever project built it.

    Attributes:
        pods: Its pods.
        config_maps: The ConfigMaps of its namespace, by name.
    """

    program: ClassVar[Program] = "picker"
    pods: Pods = field(kw_only=True)
    config_maps: Mapping[str, KubeObject] = field(kw_only=True)

    @cached_property
    def match(self) -> ReleaseMatch[PickerRelease]:
        """Its release, or the nearest that is known, and why it is that one."""
        return picker_release(self.container.image_name, self.container.image_tag, self._written)

    @property
    def object(self) -> KubeObject:
        """The workload."""
        return self.container.object

    @cached_property
    def pool_name(self) -> SourceValue[str]:
        """The pool that it picks from; empty with an endpoint selector."""
        return self.flag("pool-name")

    @cached_property
    def endpoint_selector(self) -> SourceValue[Selector] | None:
        """The pods that it picks from by its own flags; None where it picks from a pool.

        Also None for a text that is no selector, or that the pod alone knows.
        """
        written = self.flags.get("endpoint-selector")
        if written is None or "$" in written.value:
            return None
        selector = written_selector(written.value)
        return None if selector is None else written.of(selector)

    @cached_property
    def endpoint_ports(self) -> tuple[SourceValue[int], ...]:
        """The ports of those pods; a port that is given twice counts once."""
        written = self.flag("endpoint-target-ports")
        texts = dict.fromkeys(text.strip() for text in written.value.split(","))
        numbers = (whole_number(text) for text in texts)
        return tuple(written.of(number) for number in numbers if number is not None)

    @cached_property
    def pool_namespace(self) -> SourceValue[str] | None:
        """The pool's namespace; None where the pod alone knows."""
        if "pool-namespace" in self.flags:
            given = self.flags["pool-namespace"]
            return None if "$" in given.value else given
        known = self.release.flags().get("pool-namespace")
        name = known and known.variable
        variable = self.container.environment.get(name) if name else None
        if name and variable is not None:
            value = variable.value
            if value is None and self.container.field_of(name) == "metadata.namespace":
                value = self.object.namespace
            return None if value is None else variable.of(value)
        return self.container.here.of("default")

    @cached_property
    def pool_group(self) -> SourceValue[str | None]:
        """The API group of the InferencePool that it reads; None for one that it does not know."""
        asked = self.flag("pool-group")
        return asked.of(self.release.picker.pool_group(asked.value))

    @cached_property
    def watches(self) -> tuple[Permission, ...]:
        """What its account must be allowed to read, its own pool among it."""
        picker = self.release.picker
        return picker.watches_with(self.pool_group.value or picker.pool_groups[0])

    @cached_property
    def port(self) -> SourceValue[int] | None:
        """Where the gateway asks for an endpoint."""
        return self.number("grpc-port")

    @cached_property
    def ports(self) -> tuple[int, ...]:
        """Every port it listens on."""
        numbers = (self.number(name) for name in ("grpc-port", "grpc-health-port", "metrics-port"))
        return tuple(number.value for number in numbers if number is not None)

    @cached_property
    def config_file(self) -> SourceValue[str] | None:
        """The file it is configured by, if by one."""
        return self.flags.get("config-file")

    @cached_property
    def config_volume(self) -> tuple[SourceValue[str], str] | None:
        """The ConfigMap behind that file, and the key; None where another volume holds it."""
        if self.config_file is None:
            return None
        return config_map_of(self.pods, self.container, self.config_file.value)

    @cached_property
    def config(self) -> SourceValue[str] | None:
        """The text of its configuration, where it was read."""
        if "config-text" in self.flags:
            return self.flags["config-text"]
        if self.config_volume is None:
            return None
        name, key = self.config_volume
        found = self.config_maps.get(name.value)
        return None if found is None else found.text(found.at("data", key))

    @cached_property
    def configuration(self) -> Cursor:
        """What its configuration holds; nothing where it was not read, or is no YAML."""
        config = self.config
        return Cursor(None) if config is None else yaml_in(Cursor(config.value, config.path))

    @cached_property
    def asks_for_prefill(self) -> SourceValue[str] | None:
        """The plugin of its configuration that has prefill done apart; None without one.

        That is a filter of prefill pods, or a profile handler with a prefill decider. A handler
        that decides about encoding alone is none.
        """
        config = self.config
        if config is None or not any(word in config.value for word in _PREFILL_WORDS):
            return None
        known = self.release.plugins()
        for plugin in self.configuration["plugins"].items():
            kind = plugin["type"].text or ""
            found = known.get(kind)
            stages = found.stages if found is not None else None
            paths = stages.prefill_decider if stages is not None else ()
            parameters = plugin["parameters"]
            if (
                kind == "prefill-filter"
                or (stages is not None and stages.default_prefill_decider is not None)
                or any(parameters.at(*path.split(".")).present for path in paths)
            ):
                return config.of(kind)
        return None


_PREFILL_WORDS = ("prefill-filter", "profile-handler")
"""What a configuration that disaggregates has in it: most have none, and need not be parsed."""
