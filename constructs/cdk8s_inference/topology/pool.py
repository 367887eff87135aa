"""What a picker picks from: which pods are in it, and on which ports they take requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from cdk8s_inference.releases import ROUTER_NEWEST, PickerRelease
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue
from cdk8s_inference.topology.picker import Picker
from cdk8s_inference.topology.selector import Selector, label_map
from cdk8s_inference.topology.workload import Pods

Role = Literal["prefill", "decode"]

_ROLE_FILTER = re.compile(r"""type["']?\s*:\s*["']?(prefill|decode)-filter\b""")
_LABEL_FILTER = re.compile(
    r"""type["']?\s*:\s*["']?(by-label|label-selector-filter|label-filter)\b"""
)


@dataclass(frozen=True, eq=False)
class Service:
    """A Service.

    Attributes:
        object: The object.
        backends: The pods that it selects.
    """

    object: KubeObject
    backends: tuple[Pods, ...]

    @cached_property
    def selector(self) -> SourceValue[Selector]:
        """The labels by which it selects pods."""
        return service_selector(self.object)

    @cached_property
    def ports(self) -> dict[int, SourceValue[int] | None]:
        """Where each port leads; None for a name that no backend has."""
        found: dict[int, SourceValue[int] | None] = {}
        for item in self.object.at("spec", "ports").items():
            port = self.object.number(item["port"])
            if port is None:
                continue
            target = self.object.number(item["targetPort"])
            named = self.object.text(item["targetPort"])
            if named is not None:
                known = (
                    container.port_named(named.value)
                    for pods in self.backends
                    for container in pods.staying
                )
                number = next((each for each in known if each is not None), None)
                found[port.value] = None if number is None else named.of(number.value)
            else:
                found[port.value] = target or port
        return found

    @cached_property
    def target_names(self) -> dict[int, SourceValue[str]]:
        """The names of container ports that its ports lead to, where they lead to names."""
        found = {}
        for item in self.object.at("spec", "ports").items():
            port, named = self.object.number(item["port"]), self.object.text(item["targetPort"])
            if port is not None and named is not None:
                found[port.value] = named
        return found


@dataclass(frozen=True)
class Endpoints:
    """Which pods requests go to, and to which of their ports.

    Attributes:
        namespace: Of the pods.
        selector: Their labels.
        ports: Where they are expected to take requests.
    """

    namespace: str
    selector: SourceValue[Selector]
    ports: tuple[SourceValue[int], ...]


@dataclass(frozen=True, eq=False)
class Pool:
    """What a picker picks from: an InferencePool, or the pods that its own flags select.

    Attributes:
        object: The InferencePool, or the picker's workload.
        endpoints: What it asks of its members.
        members: The pods that its selector matches, in its namespace.
        picker: Its endpoint picker, where that was read.
        service: The Service of its picker, where that was read.
        others_may_be_members: Whether its selector may match further pods, once placeholders in
            labels are replaced.
    """

    object: KubeObject
    endpoints: Endpoints
    members: tuple[Pods, ...]
    picker: Picker | None
    service: Service | None
    others_may_be_members: bool = False

    def __str__(self) -> str:
        """As messages name it."""
        return str(self.object) if self.is_resource else f"the endpoint selector of {self.object}"

    @property
    def is_resource(self) -> bool:
        """Whether it is an InferencePool, which gateways and other objects refer to."""
        return self.object.kind == "InferencePool"

    @property
    def here(self) -> SourceValue[str]:
        """Its name, as a place for what is about the whole of it."""
        return self.object.here

    @property
    def namespace(self) -> str:
        """The namespace of its members."""
        return self.endpoints.namespace

    @property
    def selector(self) -> SourceValue[Selector]:
        """The labels by which it selects pods."""
        return self.endpoints.selector

    @property
    def ports(self) -> tuple[SourceValue[int], ...]:
        """Where it expects its members to take requests."""
        return self.endpoints.ports

    @cached_property
    def picker_name(self) -> SourceValue[str] | None:
        """The Service of its picker, as written."""
        spec = self.object.at("spec")
        return self.object.text(spec.at("endpointPickerRef", "name")) or self.object.text(
            spec.at("extensionRef", "name")
        )

    @cached_property
    def picker_port(self) -> SourceValue[int] | None:
        """The port of that Service, as written."""
        ref = self.object.at("spec", "endpointPickerRef")
        return self.object.number(ref.at("port", "number"))

    @cached_property
    def release(self) -> PickerRelease:
        """The release of its picker, or the newest."""
        return ROUTER_NEWEST if self.picker is None else self.picker.release

    @cached_property
    def running(self) -> tuple[Pods, ...]:
        """The members that run an engine."""
        return tuple(pods for pods in self.members if pods.engine is not None)

    @cached_property
    def strays(self) -> tuple[Pods, ...]:
        """Members without a role in which nothing runs that is known, beside engines that are.

        None of a pool that does not disaggregate: there roles say nothing.
        """
        if not self.running or self.disaggregates is None:
            return ()
        return tuple(
            pods
            for pods in self.members
            if pods.engine is None
            and pods.picker_container is None
            and pods.role.value is None
            and pods.part != "follower"
            and not any(container.other_program for container in pods.staying)
            and not pods.may_gain("labels", "containers", "flags")
        )

    @cached_property
    def has_other_role_filters(self) -> bool:
        """Whether its picker tells roles by labels of its own choice, which are not read."""
        config = self.picker.config if self.picker else None
        if config is None or _ROLE_FILTER.search(config.value):
            return False
        return _LABEL_FILTER.search(config.value) is not None

    def of_role(self, role: Role) -> tuple[Pods, ...]:
        """The members that the picker may choose for a role, as its role filters see them.

        A picker without such filters passes over roles; then as the newest router sees them.
        """
        name = f"{role}-filter"
        kind = self.release.plugins().get(name) or ROUTER_NEWEST.plugin(name)
        return tuple(
            pods
            for pods in self.members
            if (
                kind.accepts_unlabelled
                if pods.role.value is None
                else pods.role.value in (kind.accepts or ())
            )
        )

    @cached_property
    def prefill(self) -> tuple[Pods, ...]:
        """The members that only prefill."""
        decode = self.of_role("decode")
        return tuple(pods for pods in self.of_role("prefill") if pods not in decode)

    @cached_property
    def decode(self) -> tuple[Pods, ...]:
        """The members that decode."""
        return self.of_role("decode")

    @cached_property
    def disaggregates(self) -> SourceValue[str] | None:
        """What shows that prefill and decode are meant to be apart; None where nothing does.

        The role ``decode`` alone shows nothing: llm-d's guides that do not disaggregate give it
        to their model servers too.
        """
        decode = self.of_role("decode")
        for pods in self.of_role("prefill"):
            if pods.role.value is not None and pods not in decode:
                return pods.role.of(f"label {pods.role.value!r}")
        for pods in self.running:
            assert pods.engine is not None
            mode, transfer = pods.engine.mode, pods.engine.transfer
            if mode is not None and mode.value in ("prefill", "decode"):
                return mode.of(f"{pods.engine.names.kv_transfer} {mode.value}")
            if transfer is not None and transfer.role == "kv_producer":
                return transfer.connector.of("kv_role kv_producer")
        asked = self.picker.asks_for_prefill if self.picker else None
        if asked is not None:
            return asked.of(f"the picker's {asked.value}")
        if any(pods.role.value == "encode" for pods in self.members):
            return None  # A sidecar may be there for encoding alone.
        for pods in self.members:
            if pods.sidecar is not None:
                return pods.sidecar.container.here.of("the pd-sidecar")
        return None


def service_selector(found: KubeObject) -> SourceValue[Selector]:
    """The labels by which a Service selects pods."""
    return label_map(found, found.at("spec", "selector"))


def pool_endpoints(found: KubeObject) -> Endpoints:
    """What an InferencePool selects; its first version had labels without ``matchLabels``."""
    spec = found.at("spec")
    at = spec["selector"]
    labels = label_map(found, at["matchLabels"] if at["matchLabels"].present else at)
    numbers = (found.number(item["number"]) for item in spec["targetPorts"].items())
    ports = tuple(number for number in numbers if number is not None)
    old = found.number(spec["targetPortNumber"])
    return Endpoints(found.namespace, labels, ports or (() if old is None else (old,)))
