"""How prefill transfers the KV cache to decode: what the engines' own flags say.

With one end missing or different, both engines run and look healthy, and decode computes each
prompt again. So the sidecar's connector is read from the engines' flags; the rules in
:mod:`cdk8s_inference.document.rules.kv_transfer` report where two of them, or the user's choice,
disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.document.model_deployment import Stage
from cdk8s_inference.document.ports import parse_port
from cdk8s_inference.document.subject import serving_container
from cdk8s_inference.findings import shown
from cdk8s_inference.platform.sidecar_options import SidecarOptions
from cdk8s_inference.releases import RouterRelease
from cdk8s_inference.releases.connector import Connector
from cdk8s_inference.servers import SGLANG, VLLM, Invocation, Server, invocation_of
from cdk8s_inference.servers import KvTransfer as KvTransferConfig
from cdk8s_inference.servers.vllm import BOOTSTRAP_PORT
from cdk8s_inference.source import Cursor

DEFAULT_CONNECTOR = "nixlv2"


@dataclass(frozen=True)
class KvTransfer:
    """What transfers a prompt's KV cache from prefill to decode.

    Attributes:
        connector: The sidecar's connector.
        bootstrap_port: Where prefill engines tell how to fetch it; None where the connector
            needs no such port.
        encoder_connector: How encode pods transfer their output; None where there are none.
    """

    connector: Connector
    bootstrap_port: int | None = None
    encoder_connector: str | None = None


@dataclass(frozen=True)
class EngineTransfer:
    """What the flags of one engine say about KV transfer.

    Attributes:
        engine: The engine.
        phase: Its phase, in lower case.
        invocation: How its serving container starts the server.
        connectors: The engine's own names of what it transfers with, outermost first.
        at: The flag, or the container where there is none.
        unread: Whether there is a flag whose value cannot be read here.
    """

    engine: Cursor
    phase: str
    invocation: Invocation
    connectors: tuple[str, ...]
    at: Cursor
    unread: bool = False

    @property
    def runtime(self) -> str | None:
        """The server that it is, or behaves as; None where nothing tells."""
        server = self.invocation.server
        return (server.behaves_as or server.name) if server else None

    @property
    def transport(self) -> str:
        """What it transfers with, as a message names it."""
        return shown(self.connectors[0]) if self.connectors else "SGLang's disaggregation"

    @property
    def container(self) -> Cursor:
        """Its serving container."""
        return serving_container(self.engine)

    @property
    def mode(self) -> tuple[Cursor, str | None] | None:
        """Where SGLang's mode is set, and its value; None where it is not set."""
        return _flag(self.container, self.invocation, str(SGLANG.names.kv_transfer))

    @property
    def says_nothing(self) -> bool:
        """Whether its flags say nothing about KV transfer, although they would have to."""
        said = self.connectors or self.unread
        return not said and self.runtime not in ("sglang", "trtllm")

    @property
    def bootstrap_port(self) -> int | None:
        """The bootstrap port that its flags or variables name."""
        if said := _flag(self.container, self.invocation, str(SGLANG.names.bootstrap_port)):
            return parse_port(said[1])
        for variable in self.container["env"].items():
            if variable["name"].text == BOOTSTRAP_PORT:
                return parse_port(variable["value"].text)
        return None

    def connector_in(self, release: RouterRelease, chosen: str | None) -> Connector | None:
        """The connector of a release's sidecar for it; of several the chosen one."""
        own = [each for each in release.sidecar.connectors if each.engine == self.runtime]
        fitting = [
            connector
            for name in self.connectors
            for connector in own
            if name in connector.engine_connectors
        ]
        if not self.connectors and self.runtime == "sglang":
            fitting = own
        return next((each for each in fitting if each.name == chosen), next(iter(fitting), None))


@dataclass(frozen=True)
class KvTransferSubject:
    """Prefill, decode and encode engines of one pool, with the sidecar between them.

    Attributes:
        stages: The engines by phase, as a document writes them.
        release: The router release whose sidecar runs.
        options: What the user chose.
    """

    stages: Mapping[Stage, Sequence[Cursor]]
    release: RouterRelease
    options: SidecarOptions

    @property
    def chosen(self) -> str | None:
        """The connector that the user chose."""
        return self.options.connector

    @property
    def chosen_is_missing(self) -> bool:
        """Whether the release does not have the connector that the user chose."""
        return self.chosen is not None and not self.release.has_connector(self.chosen)

    @cached_property
    def transfers(self) -> Sequence[EngineTransfer]:
        """What each prefill and decode engine says, prefill first."""
        return [
            _engine_transfer(engine, phase.lower())
            for phase in _TRANSFER_PHASES
            for engine in self.stages[phase]
        ]

    @cached_property
    def connected(self) -> Sequence[tuple[EngineTransfer, Connector]]:
        """The engines whose transport has a connector in the sidecar, with it."""
        if self.chosen_is_missing:
            return []
        return [
            (each, connector)
            for each in self.transfers
            if (connector := each.connector_in(self.release, self.chosen))
        ]

    @cached_property
    def connector(self) -> Connector | None:
        """The sidecar's connector; None where the release does not have the chosen one."""
        if self.chosen_is_missing:
            return None
        if self.chosen is None and self.connected:
            return self.connected[0][1]
        return self.release.sidecar_connector(self.chosen or DEFAULT_CONNECTOR)

    @cached_property
    def bootstrap_ports(self) -> Sequence[int]:
        """The bootstrap port of each prefill engine; none where the connector has no such port."""
        default = self.connector.bootstrap_port if self.connector else None
        if default is None:
            return []
        prefill = [each for each in self.transfers if each.phase == "prefill"]
        return [each.bootstrap_port or default for each in prefill] or [default]

    @property
    def encoder_connector(self) -> str | None:
        """How encode pods transfer their output; None where there are none."""
        if not self.stages.get("Encode"):
            return None
        return self.options.encoder_connector or self.release.sidecar.encoder_connectors[0]


_TRANSFER_PHASES: tuple[Stage, ...] = ("Prefill", "Decode")


def engine_server(engine: Cursor) -> Server | None:
    """What the serving container of an engine runs."""
    return _invocation(serving_container(engine)).server


def _invocation(container: Cursor) -> Invocation:
    return invocation_of(
        container["command"].strings, container["args"].strings, container["image"].text or ""
    )


def _flag(container: Cursor, invocation: Invocation, name: str) -> tuple[Cursor, str | None] | None:
    """Where a flag is given that the engine heeds, and its value."""
    said = invocation.use(name)
    return (container.at(*said.place), said.value) if said else None


def _engine_transfer(engine: Cursor, phase: str) -> EngineTransfer:
    container = serving_container(engine)
    given = _invocation(container)
    name = str(VLLM.names.kv_transfer)
    if config := _flag(container, given, name):
        told = KvTransferConfig.of(given.json(name) or {})
        return EngineTransfer(engine, phase, given, told.names, config[0], unread=not told.names)
    if said := _flag(container, given, str(SGLANG.names.transfer_backend)):
        return EngineTransfer(engine, phase, given, (said[1],) if said[1] else (), said[0])
    return EngineTransfer(engine, phase, given, (), container)
