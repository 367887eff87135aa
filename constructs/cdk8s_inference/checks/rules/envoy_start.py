"""An Envoy that is configured by a file: whether it starts with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, near_name
from cdk8s_inference.findings.example import Replaced, breaks
from cdk8s_inference.source import has_placeholder, read
from cdk8s_inference.topology import Envoy, HttpManager, SourceValue, Topology

_VALIDATED = "Seen run with envoy --mode validate of v1.38.3."
_CONFIG = "data[envoy.yaml]"


@rule(
    "T540",
    "error",
    "Envoy's configuration file is not in its ConfigMap",
    why="Envoy does not start, and no request is answered.",
    evidence="Envoy reads the file of --config-path once, when it starts.",
    fix="set --config-path to a key of the mounted ConfigMap",
    example=breaks(
        "standalone",
        "Deployment/qwen-epp",
        "spec.template.spec.initContainers[0].args[1]",
        "/config/proxy.yaml",
    ),
)
def no_file(topology: Topology) -> Iterator[Violation]:
    for envoy in topology.envoys:
        if envoy.keys is not None:
            yield Violation(
                envoy.file,
                f"{envoy.file.value!r} is none of the ConfigMap's keys: {', '.join(envoy.keys)}",
            )


@rule(
    "T541",
    "error",
    "Envoy refuses its configuration",
    why="Envoy exits, and no request is answered.",
    evidence=_VALIDATED,
    fix="correct the field, and try the file with envoy --mode validate --config-path FILE",
    example=breaks(
        "standalone",
        "ConfigMap/qwen-epp",
        _CONFIG,
        Replaced(("cluster: picked", "cluster: pickd")),
    ),
)
def refused(topology: Topology) -> Iterator[Violation]:
    for envoy in topology.envoys:
        if envoy.config is None or has_placeholder(envoy.config.value):
            continue
        if envoy.document is None or not isinstance(envoy.document.data, dict):
            _, problems = read(envoy.config.value.encode())
            said = f": {problems[0].message}" if problems else ""
            yield Violation(envoy.config, f"it is no YAML object{said}")
            continue
        yield from _stray_arguments(envoy)
        yield from _misspelled(envoy)
        yield from _incomplete(envoy)
        if envoy.is_whole:
            yield from _unknown_clusters(envoy)
        yield from _clusters(envoy)
        for manager in envoy.managers:
            yield from _filters(manager)
            yield from _routes(manager)
        yield from _same_port(envoy)


def _stray_arguments(envoy: Envoy) -> Iterator[Violation]:
    """Words that are no flag, and no value of one."""
    before = "-"
    for item in envoy.container.at["args"].items():
        word = item.text or "-"
        if not word.startswith("-") and (not before.startswith("-") or "=" in before):
            yield Violation(
                envoy.file.object.value_at(item, word), f"{word!r} is no value of a flag"
            )
        before = word


def _incomplete(envoy: Envoy) -> Iterator[Violation]:
    """Messages that lack what Envoy requires in them, wherever they are."""
    for at in envoy.root.descendants():
        key = str(at.path[-1]) if at.path else ""
        if key == "typed_config" or key.startswith("envoy.extensions.upstreams."):
            if at.present and not at["@type"].present:
                yield Violation(envoy.value(at, None), f"{key} has no @type")
            elif key == _PROTOCOL and not any(at[one].present for one in _PROTOCOLS):
                yield Violation(envoy.value(at, None), f"it has none of {', '.join(_PROTOCOLS)}")
        elif key == "socket_address":
            for needed in ("address", "port_value"):
                if not at[needed].present and not at["named_port"].present:
                    yield Violation(envoy.value(at, None), f"socket_address has no {needed}")
        elif key == "address" and isinstance(at.value, dict):
            if not any(at[one].present for one in _ADDRESSES):
                yield Violation(
                    envoy.value(at, None), f"the address has none of {', '.join(_ADDRESSES)}"
                )
        elif key in ("http_filters", "early_header_mutation_extensions"):
            for item in at.items():
                if not any(item[one].present for one in ("typed_config", "config_discovery")):
                    yield Violation(
                        envoy.value(item, None), f"an item of {key} has no typed_config"
                    )
        elif key == "mutations":
            for item in at.items():
                if not any(value.present for _, value in item.fields()):
                    yield Violation(envoy.value(item, None), "a mutation does nothing")
        elif key in _DURATIONS and at.text is not None and not _DURATION.fullmatch(at.text):
            yield Violation(envoy.value(at, at.text), f"{at.text!r} is no number of seconds with s")


_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_PROTOCOLS = ("explicit_http_config", "use_downstream_protocol_config", "auto_config")
_ADDRESSES = ("socket_address", "pipe", "envoy_internal_address")
_DURATIONS = (
    "connect_timeout",
    "idle_timeout",
    "message_timeout",
    "stream_idle_timeout",
    "timeout",
)
_DURATION = re.compile(r"\d{1,12}(\.\d{1,9})?s")


def _routes(manager: HttpManager) -> Iterator[Violation]:
    """Routes that match nothing, or lead nowhere."""
    envoy = manager.envoy
    if not any(manager.at[one].present for one in ("route_config", "rds", "scoped_routes")):
        yield Violation(envoy.value(manager.at, None), "the connection manager has no route_config")
    for host in manager.at.at("route_config", "virtual_hosts").items():
        if not host["domains"].value:
            yield Violation(envoy.value(host, None), "the virtual host has no domains")
    for route in manager.routes:
        action = route["route"]
        if not any(at.present for _, at in route["match"].fields()):
            yield Violation(envoy.value(route, None), "the route matches by nothing")
        if not any(route[one].present for one in _ACTIONS):
            yield Violation(
                envoy.value(route, None), f"the route has none of {', '.join(_ACTIONS)}"
            )
        elif action.present and not any(action[one].present for one in _TARGETS):
            yield Violation(envoy.value(action, None), "the route leads to no cluster")


_ACTIONS = ("route", "redirect", "direct_response", "filter_action", "non_forwarding_action")
_TARGETS = ("cluster", "cluster_header", "weighted_clusters", "cluster_specifier_plugin")


def _misspelled(envoy: Envoy) -> Iterator[Violation]:
    """Fields, values and types that Envoy does not know, next to such that it does."""
    for at in envoy.root.descendants():
        key = str(at.path[-1]) if at.path else ""
        for name, child in at.fields() if key in _FIELDS else ():
            meant = None if name in _FIELDS[key] else near_name(name, _FIELDS[key])
            if meant is not None:
                yield Violation(envoy.value(child, name), f"{key} has no {name}, but {meant}")
        word = at.text
        if word is None:
            continue
        known = _TYPES if key == "@type" else _VALUES.get(key, ())
        said = word.rpartition(".")[2] if key == "@type" else word
        meant = None if said in known else near_name(said, known)
        if meant is not None:
            yield Violation(envoy.value(at, word), f"{key} has no value {word}, but {meant}")


def _unknown_clusters(envoy: Envoy) -> Iterator[Violation]:
    known = ", ".join(envoy.clusters)
    for manager in envoy.managers:
        for target in manager.targets:
            if target.value not in envoy.clusters:
                yield Violation(target, f"there is no cluster {target.value!r}, but {known}")


def _clusters(envoy: Envoy) -> Iterator[Violation]:
    names = [item["name"] for item in envoy.root.at("static_resources", "clusters").items()]
    for index, name in enumerate(names):
        if any(name.text == other.text for other in names[:index]):
            yield Violation(envoy.value(name, name.text), f"there are two clusters {name.text!r}")
    for cluster in envoy.clusters.values():
        at = cluster.at["lb_policy"]
        policy = envoy.value(at, at.text or "ROUND_ROBIN")
        meant = near_name(cluster.type.value, _TYPES_OF)
        if cluster.type.value not in _TYPES_OF and meant is not None:
            yield Violation(cluster.type, f"no type is called {cluster.type.value}, but {meant}")
        original = cluster.type.value == "ORIGINAL_DST"
        if original != (policy.value == "CLUSTER_PROVIDED") and cluster.type.value in _TYPES_OF:
            yield Violation(
                policy,
                f"lb_policy {policy.value} is not for clusters of type {cluster.type.value}",
                cluster.type,
            )
        by_header = cluster.at["original_dst_lb_config"]
        if by_header["http_header_name"].present and not by_header["use_http_header"].value:
            yield Violation(
                envoy.value(by_header, None), "http_header_name is set, and use_http_header is not"
            )
        for locality in cluster.at.at("load_assignment", "endpoints").items():
            for endpoint in locality["lb_endpoints"].items():
                place = endpoint.at("endpoint", "address")
                if cluster.type.value == "STATIC" and not place.present:
                    yield Violation(envoy.value(endpoint, None), "the endpoint has no address")
        for address, port in cluster.addresses:
            if cluster.type.value == "STATIC" and not re.fullmatch(r"[\d.]+|[\da-fA-F:]+", address):
                yield Violation(port, f"{address!r} is a name, and the cluster's type STATIC")


_TYPES_OF = ("ORIGINAL_DST", "STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS")


def _filters(manager: HttpManager) -> Iterator[Violation]:
    envoy = manager.envoy
    if not manager.at["stat_prefix"].present:
        yield Violation(envoy.value(manager.at, None), "the connection manager has no stat_prefix")
    if manager.filters and manager.filters[-1][0] != "Router" and manager.filters[-1][0]:
        kind, at = manager.filters[-1]
        if not near_name(kind, _TYPES) and kind in _TYPES:
            yield Violation(envoy.value(at, kind), f"the last HTTP filter is {kind}, and no Router")
    if manager.processor is None:
        return
    if not any(manager.processor[one].present for one in ("grpc_service", "http_service")):
        place = envoy.value(manager.processor, None)
        yield Violation(place, "the ExternalProcessor has no grpc_service")
    service = manager.processor["grpc_service"]
    named = service.at("envoy_grpc", "cluster_name").present or service["google_grpc"].present
    if service.present and not named:
        yield Violation(envoy.value(service, None), "grpc_service names no cluster")
    mode = manager.processor["processing_mode"]
    for of in ("request", "response"):
        body, trailers = mode[f"{of}_body_mode"], mode[f"{of}_trailer_mode"]
        if body.text == "FULL_DUPLEX_STREAMED" and trailers.text != "SEND":
            yield Violation(
                envoy.value(trailers, trailers.text),
                f"{of}_body_mode is FULL_DUPLEX_STREAMED, which needs {of}_trailer_mode SEND, and "
                f"it is {trailers.text or 'not set'}",
                envoy.value(body, body.text),
            )


def _same_port(envoy: Envoy) -> Iterator[Violation]:
    taken: dict[tuple[str, int], SourceValue[int]] = {}
    for listener in envoy.root.at("static_resources", "listeners").items():
        at = listener.at("address", "socket_address")
        port = envoy.value(at["port_value"], at["port_value"].value)
        if not isinstance(port.value, int) or port.value == 0:
            continue
        if port.value > _LAST_PORT:
            yield Violation(port, f"{port.value} is no port")
        first = taken.setdefault((at["address"].text or "", port.value), port)
        if first is not port:
            yield Violation(port, f"two listeners take port {port.value}", first)


_LAST_PORT = 65535
_FIELDS = {
    "envoy_grpc": (
        "authority",
        "cluster_name",
        "max_receive_message_length",
        "retry_policy",
        "skip_envoy_headers",
    ),
    "original_dst_lb_config": (
        "http_header_name",
        "metadata_key",
        "upstream_port_override",
        "use_http_header",
    ),
    "processing_mode": (
        "request_body_mode",
        "request_header_mode",
        "request_trailer_mode",
        "response_body_mode",
        "response_header_mode",
        "response_trailer_mode",
    ),
    "socket_address": (
        "address",
        "ipv4_compat",
        "named_port",
        "network_namespace_filepath",
        "port_value",
        "protocol",
        "resolver_name",
    ),
    "static_resources": ("clusters", "listeners", "secrets"),
}
"""All fields of a few messages of Envoy's API: others may have fields that are near in name."""

_BODIES = ("BUFFERED", "BUFFERED_PARTIAL", "FULL_DUPLEX_STREAMED", "GRPC", "NONE", "STREAMED")
_SENT = ("DEFAULT", "SEND", "SKIP")
_VALUES = {
    "lb_policy": (
        "CLUSTER_PROVIDED",
        "LEAST_REQUEST",
        "LOAD_BALANCING_POLICY_CONFIG",
        "MAGLEV",
        "RANDOM",
        "RING_HASH",
        "ROUND_ROBIN",
    ),
    "request_body_mode": _BODIES,
    "request_header_mode": _SENT,
    "request_trailer_mode": _SENT,
    "response_body_mode": _BODIES,
    "response_header_mode": _SENT,
    "response_trailer_mode": _SENT,
}
_TYPES = (
    "ExternalProcessor",
    "HeaderMutation",
    "HealthCheck",
    "HttpConnectionManager",
    "HttpProtocolOptions",
    "Router",
    "UpstreamTlsContext",
)
