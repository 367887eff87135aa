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
        yield from _misspelled(envoy)
        if envoy.is_whole:
            yield from _unknown_clusters(envoy)
        yield from _clusters(envoy)
        for manager in envoy.managers:
            yield from _filters(manager)
        yield from _same_port(envoy)


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
