"""A release of the llm-d router: the endpoint picker and the pd-sidecar, which go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.releases.connector import Connector, ServingEngine
from cdk8s_inference.releases.flag import Flag, FlagValue
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.plugin_type import Parameter, PluginRole, PluginType, RequestData

Program = Literal["picker", "sidecar"]

MetricType = Literal["counter", "gauge", "histogram", "summary"]

RUNTIME_METRIC_PREFIXES = (
    "certwatcher_",
    "controller_runtime_",
    "go_",
    "leader_election_",
    "process_",
    "rest_client_",
    "workqueue_",
)
"""Families that every Go program with a controller has; no release lists them."""


class NotInReleaseError(ValueError):
    """A release lacks what was asked of it; the message names the releases that have it."""


@dataclass(frozen=True)
class ConfigFormat:
    """The EndpointPickerConfig that a picker reads, strictly: a wrong word keeps it from starting.

    Attributes:
        api_versions: What it accepts, the one to write first; the others are deprecated.
        fields: The fields beside apiVersion and kind.
        deprecated_fields: Fields that still work, and what to write instead.
        gates: Feature gates and whether each is on by default.
        gate_values: Whether a gate may be written ``name=false``.
        strict_parameters: Whether an unknown parameter of a plugin keeps the picker from
            starting. Otherwise it is ignored without a word.
        declares_before_use: Whether a decider must be listed before its profile handler.
        additive_data_layer: Whether the picker adds its metrics source to a ``dataLayer`` that
            has none. Otherwise such a section switches metrics off.
        default_producers: What the picker creates for data that a plugin consumes and no
            listed plugin produces. Where it creates any, it does not start without the others.
        undeclared: Plugins that may be named without listing them: the picker adds them. A
            picker among them is added only where none is listed.
        undeclared_parsers: Whether any parser may be named without listing it.
    """

    api_versions: tuple[str, ...]
    fields: tuple[Parameter, ...]
    gates: Mapping[str, bool]
    deprecated_fields: Mapping[str, str]
    gate_values: bool
    strict_parameters: bool
    declares_before_use: bool
    additive_data_layer: bool
    default_producers: Mapping[RequestData, str]
    undeclared: tuple[str, ...]
    undeclared_parsers: bool


@dataclass(frozen=True)
class Picker:
    """The endpoint picker of a release.

    Attributes:
        image: Its image.
        flags: What it knows; any other flag ends it.
        config: How its configuration is written.
        plugins: The plugin types it registers.
        smallest_block_tokens: The prefix producer raises a smaller block size to this.
        watches: What its account must be allowed to read. It answers 503 to every request if a
            kind whose CRD is installed is missing (seen run). Rules for absent CRDs do no harm.
        leader_election: What high availability needs besides.
        metrics_review: ClusterRole rules that metrics with authentication need; without them
            every scrape fails, and nothing else (seen run).
        metrics_reader: ClusterRole rules of an account that scrapes metrics with
            authentication.
        lease: Name of the leader's lease, with ``{namespace}`` and ``{pool}`` to fill in. Two
            releases with different names have two leaders during an upgrade.
        readiness_service: gRPC health service that is SERVING where requests are answered: on
            the leader alone with leader election.
        liveness_service: gRPC health service that is SERVING on leader and standby alike.
        standby_answers: Whether a request to the standby is answered, not refused with 503.
        drain_flag: The flag for how long it serves on after SIGTERM and lets running streams
            finish. Without one it refuses new requests at once, and cuts streams after
            ``stop_seconds``.
        stop_seconds: How long it stays after SIGTERM by default; the pod's grace period must be
            longer.
        experimental_flag: The flag that alpha plugins need; None where there are none.
        engine_label: The pod label that tells it whose metrics an engine has.
        engines: The label's values that it knows the metrics of; ``vllm`` unlabelled.
        event_engines: Engines whose KV cache events it can read.
        metrics: Its own metric families, some of which appear with the first request.
    """

    image: str
    flags: tuple[Flag, ...]
    config: ConfigFormat
    plugins: tuple[PluginType, ...]
    smallest_block_tokens: int
    watches: tuple[Permission, ...]
    leader_election: tuple[Permission, ...]
    metrics_review: tuple[Permission, ...]
    metrics_reader: tuple[Permission, ...]
    lease: str
    readiness_service: str
    liveness_service: str
    standby_answers: bool
    drain_flag: str | None
    stop_seconds: int
    experimental_flag: str | None
    engine_label: str
    engines: tuple[str, ...]
    event_engines: tuple[ServingEngine, ...]
    metrics: Mapping[str, MetricType]


@dataclass(frozen=True)
class Sidecar:
    """The pd-sidecar of a release.

    It never drains: on SIGTERM it exits at once and cuts every stream, so it must be the last
    container of its pod to stop (seen run).

    Attributes:
        image: Its image.
        flags: What it knows; any other flag ends it.
        engine_port_flag: The flag for the engine's port. Always give it: the default moved.
        connectors: Values of ``kv-connector``. With another one the sidecar exits with code 0,
            as after an invalid port range (seen run).
        encoder_connectors: Values of ``ec-connector``.
        ssrf_protection: What the pod's account must be allowed to read when the sidecar checks
            prefill targets against the pool.
        prefill_failure: What it does when prefill fails: hides it by prefilling on decode, or
            returns the error.
        health_path: Answered by the sidecar itself, also with the engine down.
        engine_path: Answered by the engine through the sidecar, 503 with the engine down.
        metrics: Families of its own, served where it has the flag ``metrics-port``; its port
            serves the engine's.
    """

    image: str
    flags: tuple[Flag, ...]
    engine_port_flag: str
    connectors: tuple[Connector, ...]
    encoder_connectors: tuple[str, ...]
    ssrf_protection: tuple[Permission, ...]
    prefill_failure: Literal["decodes locally", "returns an error"]
    health_path: str
    engine_path: str
    metrics: Mapping[str, MetricType]


@dataclass(frozen=True, repr=False)
class RouterRelease:
    """What one release of the router is called and understands.

    Ask it; never compare versions. The attributes are the data, the methods the questions.

    Attributes:
        version: The release's tag.
        picker: The endpoint picker.
        sidecar: The pd-sidecar.
        role_label: The pod label with a pod's part: ``encode``, ``prefill``, ``decode``.
        active_ports_annotation: The pod annotation that says which pool ports a pod serves.
    """

    version: str
    picker: Picker
    sidecar: Sidecar
    role_label: str = "llm-d.ai/role"
    active_ports_annotation: str = "llm-d.ai/active-ports"

    def __repr__(self) -> str:
        return f"<RouterRelease {self.version}>"

    def flags(self, program: Program) -> Mapping[str, Flag]:
        """Every flag of a program, by name."""
        flags = self.picker.flags if program == "picker" else self.sidecar.flags
        return {flag.name: flag for flag in flags}

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
            f"--{self.flag(program, name).name}={_argument(value)}"
            for name, value in values.items()
        ]

    def plugins(self) -> Mapping[str, PluginType]:
        """Every plugin type of the picker, by name."""
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

    def has_connector(self, name: str) -> bool:
        """Whether the sidecar has a connector."""
        return any(connector.name == name for connector in self.sidecar.connectors)

    def sidecar_connector(self, name: str) -> Connector:
        """A connector of the sidecar.

        Raises:
            NotInReleaseError: The sidecar has none of that name.
        """
        for connector in self.sidecar.connectors:
            if connector.name == name:
                return connector
        raise self._lacks(f"connector {name!r}", lambda release: release.has_connector(name))

    def has_encoder_connector(self, name: str) -> bool:
        """Whether the sidecar can take encoded images with a connector."""
        return name in self.sidecar.encoder_connectors

    def encoder_connector(self, name: str) -> str:
        """A value of the sidecar's ``ec-connector``.

        Raises:
            NotInReleaseError: The sidecar has none of that name.
        """
        if self.has_encoder_connector(name):
            return name
        raise self._lacks(
            f"encoder connector {name!r}", lambda release: release.has_encoder_connector(name)
        )

    def lease(self, namespace: str, pool: str) -> str:
        """The name of the lease that the leader of a pool's pickers holds."""
        return self.picker.lease.format(namespace=namespace, pool=pool)

    def _lacks(
        self, what: str, has: Callable[[RouterRelease], bool], hint: str = ""
    ) -> NotInReleaseError:
        return NotInReleaseError(f"router {self.version} lacks {what}; {_who_has(has)}{hint}")


def _who_has(has: Callable[[RouterRelease], bool]) -> str:
    from cdk8s_inference.releases import ROUTER_RELEASES

    versions = releases_with(ROUTER_RELEASES, has)
    return f"releases that have it: {', '.join(versions)}" if versions else "no release has it"


def releases_with(
    releases: Iterable[RouterRelease], has: Callable[[RouterRelease], bool]
) -> list[str]:
    """The versions of those releases for which the answer is yes."""
    return [release.version for release in releases if has(release)]


def _argument(value: FlagValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return str(value)
