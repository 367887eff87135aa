"""An Envoy that is configured by a file: where it listens, whom it asks, where it sends."""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from cdk8s_inference.findings import Path, Place, field_path
from cdk8s_inference.source import Cursor, Document, has_placeholder, read
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue
from cdk8s_inference.topology.mounted_file import config_map_of

if TYPE_CHECKING:
    from cdk8s_inference.topology.workload import Pods

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_MANAGER = "HttpConnectionManager"
_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True)
class TextValue(SourceValue[T_co]):
    """A value that is read in a text, such as a file in a ConfigMap.

    Attributes:
        inner: The text, read.
        within: The value's path in it.
    """

    inner: Document
    within: Path

    @property
    def place(self) -> Place:
        """The text's own place, and the line in it: a block of text starts a line after its key."""
        outer = super().place
        line = self.inner.line(self.within)
        if outer.line is not None and line is not None:
            line += outer.line
        path = ": ".join(part for part in (outer.path, field_path(self.within)) if part)
        return Place(outer.object, path, outer.file, line if outer.line is not None else None)

    def of(self, value: T) -> TextValue[T]:
        """Another value that is read from the same place."""
        return TextValue(value, self.object, self.path, self.inner, self.within)


@dataclass(frozen=True, eq=False)
class EnvoyCluster:
    """Where an Envoy may send to.

    Attributes:
        envoy: The Envoy.
        at: Where.
    """

    envoy: Envoy
    at: Cursor

    @property
    def here(self) -> SourceValue[str]:
        """Its name, or where that would be."""
        return self.envoy.value(self.at["name"], self.at["name"].text or "")

    @cached_property
    def type(self) -> SourceValue[str]:
        """How it finds its endpoints; empty for an extension."""
        at = self.at["type"]
        default = "" if self.at["cluster_type"].present else "STATIC"
        return self.envoy.value(at, at.text or default)

    @cached_property
    def header(self) -> SourceValue[str] | None:
        """The header by which it is told where to send; None where it goes by none."""
        at = self.at["original_dst_lb_config"]
        if self.type.value != "ORIGINAL_DST" or at["use_http_header"].value is not True:
            return None
        name = at["http_header_name"]
        return self.envoy.value(name, (name.text or "x-envoy-original-dst-host").lower())

    @cached_property
    def addresses(self) -> list[tuple[str, SourceValue[int]]]:
        """The addresses and ports of its endpoints."""
        found = []
        for locality in self.at.at("load_assignment", "endpoints").items():
            for endpoint in locality["lb_endpoints"].items():
                at = endpoint.at("endpoint", "address", "socket_address")
                port = at["port_value"].value
                if isinstance(port, int):
                    found.append(
                        (at["address"].text or "", self.envoy.value(at["port_value"], port))
                    )
        return found

    @property
    def speaks_tls(self) -> bool:
        """Whether it speaks TLS to its endpoints."""
        return self.at["transport_socket"].present

    @property
    def speaks_http2(self) -> bool:
        """Whether it may speak HTTP/2 to its endpoints, as gRPC needs."""
        options = self.at.at("typed_extension_protocol_options", _PROTOCOL)
        explicit = options["explicit_http_config"]
        return (
            explicit["http2_protocol_options"].present
            or options["auto_config"].present
            or options["use_downstream_protocol_config"].present
            or self.at["http2_protocol_options"].present
        )


@dataclass(frozen=True, eq=False)
class HttpManager:
    """What a listener does with HTTP requests.

    Attributes:
        envoy: The Envoy.
        at: Where.
        ports: Where it listens, with the addresses.
    """

    envoy: Envoy
    at: Cursor
    ports: Mapping[int, str]

    @cached_property
    def filters(self) -> list[tuple[str, Cursor]]:
        """Its filters, each with the last part of its type and its configuration."""
        items = self.at["http_filters"].items()
        return [(_type(item["typed_config"]), item["typed_config"]) for item in items]

    @cached_property
    def processor(self) -> Cursor | None:
        """The filter that asks an external processor, such as a picker."""
        return next((at for kind, at in self.filters if kind == "ExternalProcessor"), None)

    @property
    def fails_open(self) -> bool:
        """Whether it sends requests on while the processor is down."""
        return self.processor is not None and self.processor["failure_mode_allow"].value is True

    @cached_property
    def routes(self) -> list[Cursor]:
        """The routes that are written in it."""
        return [
            route
            for host in self.at.at("route_config", "virtual_hosts").items()
            for route in host["routes"].items()
        ]

    @cached_property
    def targets(self) -> list[SourceValue[str]]:
        """The clusters that its routes lead to."""
        names = (route.at("route", "cluster") for route in self.routes)
        return [self.envoy.value(at, at.text) for at in names if at.text is not None]

    @cached_property
    def sends_where_told(self) -> bool:
        """Whether a route leads to a cluster that goes by a header."""
        clusters = self.envoy.clusters
        return any(
            target.value in clusters and clusters[target.value].header is not None
            for target in self.targets
        )

    def serves(self, path: str) -> bool:
        """Whether it answers a path, as far as that is written."""
        if any(kind == "HealthCheck" for kind, _ in self.filters) or not self.routes:
            return True
        return self.route(path) is not None

    def route(self, path: str) -> Cursor | None:
        """The first of its routes that takes a path."""
        return next((route for route in self.routes if _matches(route["match"], path)), None)


@dataclass(frozen=True, eq=False)
class Envoy:
    """An Envoy that is configured by a file.

    Attributes:
        pods: Its pods.
        container: Its container.
        file: The path of the file, as written.
        config: The file's text, where that was read.
        keys: Of the ConfigMap that should hold the file and does not: its keys. Else None.
    """

    pods: Pods
    container: Container
    file: SourceValue[str]
    config: SourceValue[str] | None
    keys: tuple[str, ...] | None

    @cached_property
    def document(self) -> Document | None:
        """What the file says; None where it is no YAML, or is filled in later."""
        if self.config is None or has_placeholder(self.config.value):
            return None
        documents, _ = read(self.config.value.encode())
        return documents[0] if len(documents) == 1 else None

    @property
    def root(self) -> Cursor:
        """Where the configuration starts."""
        return Cursor(None) if self.document is None else self.document.root

    def value(self, at: Cursor, value: T) -> SourceValue[T]:
        """What is read at a place of the configuration."""
        config = self.config or self.file
        if self.document is None:
            return config.of(value)
        return TextValue(value, config.object, config.path, self.document, at.path)

    @property
    def is_whole(self) -> bool:
        """Whether the file holds all that it is told: no other process tells it more."""
        read = self.document is not None and isinstance(self.root.value, Mapping)
        return read and not self.root["dynamic_resources"].present

    @cached_property
    def clusters(self) -> dict[str, EnvoyCluster]:
        """Its clusters by name."""
        items = self.root.at("static_resources", "clusters").items()
        return {item["name"].text or "": EnvoyCluster(self, item) for item in items}

    @cached_property
    def managers(self) -> tuple[HttpManager, ...]:
        """What its listeners do with HTTP requests."""
        found = []
        for listener in self.root.at("static_resources", "listeners").items():
            ports = dict(_ports(listener))
            for chain in (*listener["filter_chains"].items(), listener["default_filter_chain"]):
                for each in chain["filters"].items():
                    if _type(each["typed_config"]) == _MANAGER:
                        found.append(HttpManager(self, each["typed_config"], ports))
        return tuple(found)

    @cached_property
    def ports(self) -> dict[int, str]:
        """Where it listens for others than itself, with the addresses."""
        return {
            port: address
            for listener in self.root.at("static_resources", "listeners").items()
            for port, address in _ports(listener)
        }

    @cached_property
    def admin(self) -> SourceValue[str] | None:
        """The address of its administration, where it has one."""
        at = self.root.at("admin", "address", "socket_address", "address")
        return None if at.text is None else self.value(at, at.text)


def is_loopback(address: str) -> bool:
    """Whether an address is that of the pod alone."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def envoys_of(pods: Pods, config_maps: Mapping[str, KubeObject]) -> Iterator[Envoy]:
    """The Envoys of pods that are configured by a file.

    Args:
        pods: The pods.
        config_maps: The ConfigMaps of their namespace, by name.
    """
    for container in pods.containers:
        words = [posixpath.basename(word.value) for word in container.words[:1]]
        if not container.image_name.startswith("envoy") and "envoy" not in words:
            continue
        file = container.flag("--config-path", "-c")
        volume = None if file is None else config_map_of(pods, container, file.value)
        if file is None or volume is None:
            continue
        found = config_maps.get(volume[0].value)
        config = None if found is None else found.text(found.at("data", volume[1]))
        keys = None
        if found is not None and config is None:
            keys = tuple(key for key, _ in found.at("data").fields())
        yield Envoy(pods, container, file, config, keys)


def _ports(listener: Cursor) -> Iterator[tuple[int, str]]:
    others = (each["address"] for each in listener["additional_addresses"].items())
    for address in (*others, listener["address"]):
        at = address["socket_address"]
        port = at["port_value"].value
        if isinstance(port, int):
            yield port, at["address"].text or ""


def _type(config: Cursor) -> str:
    """The last part of a configuration's type, such as ``Router``."""
    return (config["@type"].text or "").rpartition(".")[2]


def _matches(match: Cursor, path: str) -> bool:
    exact, prefix = match["path"].text, match["prefix"].text
    if exact is None and prefix is None:
        return True  # By an expression, or a template.
    return path == exact if exact is not None else path.startswith(prefix or "")
