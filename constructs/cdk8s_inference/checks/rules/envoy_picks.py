"""An Envoy beside the picker: whether it asks the picker, and sends where the picker says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Severity, Violation
from cdk8s_inference.findings.example import Replaced, breaks
from cdk8s_inference.releases.headers import ENDPOINT_HEADER, PICKER_HEADERS
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import Envoy, EnvoyCluster, HttpManager, Picker, Topology
from cdk8s_inference.topology.envoy import is_loopback

_OBJECT, _CONFIG = "ConfigMap/qwen-epp", "data[envoy.yaml]"
_ENVOY = "Envoy's documentation of its v3 API"


def _beside(topology: Topology) -> Iterator[tuple[Picker, Envoy]]:
    """The Envoys in the pods of pickers, whose whole configuration was read."""
    for picker in topology.pickers:
        for envoy in topology.envoys:
            if envoy.pods is picker.pods and envoy.is_whole:
                yield picker, envoy


def _asking(topology: Topology) -> Iterator[tuple[Picker, HttpManager, Cursor]]:
    """Where they ask a processor."""
    for picker, envoy in _beside(topology):
        for manager in envoy.managers:
            if manager.processor is not None:
                yield picker, manager, manager.processor


def _asked(envoy: Envoy, processor: Cursor) -> EnvoyCluster | None:
    name = processor.at("grpc_service", "envoy_grpc", "cluster_name")
    return envoy.clusters.get(name.text or "")


@rule(
    "T542",
    "error",
    "The Envoy beside the picker does not ask it",
    why="Nobody says where requests go: they are answered 503, or reach any pod.",
    evidence=f"{_ENVOY}: an HTTP filter of the type ExternalProcessor asks the picker.",
    fix="add the filter envoy.filters.http.ext_proc before the router, with the picker's cluster",
    example=breaks(
        "standalone",
        _OBJECT,
        _CONFIG,
        Replaced(
            ("filters.http.ext_proc.v3.ExternalProcessor", "filters.http.router.v3.Router"),
        ),
    ),
)
def does_not_ask(topology: Topology) -> Iterator[Violation]:
    for picker, envoy in _beside(topology):
        if envoy.managers and all(manager.processor is None for manager in envoy.managers):
            assert envoy.config is not None
            yield Violation(
                envoy.config, "no HTTP filter is an ExternalProcessor", picker.container.here
            )
    for picker, manager, processor in _asking(topology):
        at = processor.at("grpc_service", "envoy_grpc", "cluster_name")
        if at.text is not None and at.text not in manager.envoy.clusters:
            yield Violation(
                manager.envoy.value(at, at.text),
                f"there is no cluster {at.text!r}, but {', '.join(manager.envoy.clusters)}",
                picker.container.here,
            )


@rule(
    "T543",
    "error",
    "The Envoy beside the picker asks another port, or in another way",
    why="Envoy cannot reach the picker: requests are answered 500, or sent on without it.",
    evidence=f"{_ENVOY}; the picker serves gRPC, with TLS where --secure-serving is true.",
    fix="set the cluster's port to --grpc-port, give it http2_protocol_options, and a TLS "
    "transport_socket where --secure-serving is true",
    example=breaks(
        "standalone",
        _OBJECT,
        _CONFIG,
        Replaced(("port_value: 9002", "port_value: 9003")),
    ),
)
def asks_another(topology: Topology) -> Iterator[Violation]:
    for picker, manager, processor in _asking(topology):
        cluster = _asked(manager.envoy, processor)
        if cluster is None or picker.port is None:
            continue
        for address, port in cluster.addresses:
            if is_loopback(address) and port.value != picker.port.value:
                yield Violation(
                    port,
                    f"it asks port {port.value}, and the picker listens on {picker.port.value}",
                    picker.port,
                )
        if not cluster.addresses and cluster.type.value == "STATIC":
            yield Violation(cluster.here, f"cluster {cluster.here.value!r} has no endpoints")
        if not cluster.speaks_http2:
            yield Violation(
                cluster.here, f"cluster {cluster.here.value!r} speaks HTTP/1.1, and gRPC is HTTP/2"
            )
        secure = picker.switch("secure-serving")
        if secure.value != cluster.speaks_tls:
            speaks = "speaks TLS" if cluster.speaks_tls else "speaks no TLS"
            yield Violation(
                cluster.here,
                f"cluster {cluster.here.value!r} {speaks}, and the picker's --secure-serving is "
                f"{str(secure.value).lower()}",
                secure,
            )


@rule(
    "T544",
    "error",
    "The Envoy beside the picker does not send where the picker says",
    why="The picker's choice is passed over: requests are answered 503, or reach any pod.",
    evidence=f"The picker names the pod in {ENDPOINT_HEADER}. {_ENVOY}: a cluster of type "
    "ORIGINAL_DST with use_http_header goes by that.",
    fix=f"lead to a cluster of type ORIGINAL_DST, with http_header_name {ENDPOINT_HEADER}",
    example=breaks(
        "standalone",
        _OBJECT,
        _CONFIG,
        Replaced((f"http_header_name: {ENDPOINT_HEADER}", "http_header_name: x-endpoint")),
    ),
)
def sends_elsewhere(topology: Topology) -> Iterator[Violation]:
    for _, manager, processor in _asking(topology):
        clusters = [manager.envoy.clusters.get(target.value) for target in manager.targets]
        known = [cluster for cluster in clusters if cluster is not None]
        for cluster in known:
            header = cluster.header
            if header is not None and header.value != ENDPOINT_HEADER:
                yield Violation(
                    header, f"it goes by {header.value}, and the picker writes {ENDPOINT_HEADER}"
                )
        plain = all(
            each.type.value and not each.at["load_balancing_policy"].present for each in known
        )
        if known and plain and not manager.sends_where_told:
            yield Violation(
                known[0].type,
                f"cluster {known[0].here.value!r} of type {known[0].type.value} goes by no header",
                manager.envoy.value(processor, None),
            )


@rule(
    "T545",
    "error",
    "The Envoy beside the picker keeps requests from it",
    why="The picker waits for a prompt that never comes: requests fail when Envoy stops waiting.",
    evidence=f"{_ENVOY}: processing_mode. The Inference Extension's picker reads headers and body, "
    "and answers as for FULL_DUPLEX_STREAMED.",
    fix="set request_header_mode and request_trailer_mode to SEND, and request_body_mode to "
    "FULL_DUPLEX_STREAMED",
    example=breaks(
        "standalone",
        _OBJECT,
        _CONFIG,
        Replaced(("request_body_mode: FULL_DUPLEX_STREAMED", "request_body_mode: NONE")),
    ),
)
def keeps_requests(topology: Topology) -> Iterator[Violation]:
    for _, manager, processor in _asking(topology):
        mode = processor["processing_mode"]
        headers, body = mode["request_header_mode"], mode["request_body_mode"]
        if headers.text == "SKIP":
            yield Violation(manager.envoy.value(headers, "SKIP"), "request_header_mode is SKIP")
        if body.text != "FULL_DUPLEX_STREAMED":
            severity: Severity = "error" if body.text in (None, "NONE") else "warning"
            yield Violation(
                manager.envoy.value(body, body.text),
                f"request_body_mode is {body.text or 'not set, and so NONE'}",
                severity=severity,
            )
        answers = mode["response_body_mode"]
        if answers.text is not None and answers.text not in ("FULL_DUPLEX_STREAMED", "NONE"):
            yield Violation(
                manager.envoy.value(answers, answers.text),
                f"response_body_mode is {answers.text}",
                severity="warning",
            )


@rule(
    "T546",
    "warning",
    "Envoy passes on headers that the picker alone may set",
    why="Whoever reaches Envoy can name any address, to which the sidecar sends prompts.",
    evidence="The pd-sidecar calls the address in x-prefiller-host-port, unless "
    "--enable-ssrf-protection is true. Where no header is removed at all, this is a note.",
    fix="remove all of them by early_header_mutation_extensions",
    example=breaks(
        "standalone",
        _OBJECT,
        _CONFIG,
        Replaced(("remove: x-prefiller-host-port", "remove: x-other")),
    ),
)
def passes_headers(topology: Topology) -> Iterator[Violation]:
    for picker, manager, processor in _asking(topology):
        envoy = manager.envoy
        removed = {
            (at["remove"].text or "").lower()
            for at in manager.at.descendants()
            if at["remove"].text is not None
        }
        sidecars = {
            pods.sidecar
            for pool in topology.pools
            if pool.picker is picker
            for pods in pool.members
            if pods.sidecar is not None
        }
        guarded = bool(sidecars) and all(
            each.switch("enable-ssrf-protection").value for each in sidecars
        )
        passed = [header for header in PICKER_HEADERS[:4] if header not in removed]
        if not passed or not sidecars or guarded:
            continue
        at = manager.at["early_header_mutation_extensions"]
        yield Violation(
            envoy.value(at if at.present else processor, None),
            f"{', '.join(passed)} {'is' if len(passed) == 1 else 'are'} taken from clients",
            severity=None if removed else "note",
        )


@rule(
    "T552",
    "warning",
    "No proxy that was read asks a picker that selects pods itself",
    why="Without an InferencePool no Gateway knows the picker: requests reach no picker.",
    evidence="llm-d's standalone chart: an Envoy beside the picker, with a configuration file.",
    fix="run an Envoy beside the picker, with its configuration mounted and --config-path",
    example=breaks("standalone", "Deployment/qwen-epp", "spec.template.spec.initContainers", []),
)
def nobody_asks(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        if pool.is_resource or pool.picker is None or topology.envoys:
            continue
        others = [each for each in pool.picker.pods.staying if "envoy" in each.image_name]
        config = pool.picker.object.here if not others else others[0].here
        yield Violation(config, f"no Envoy with a configuration asks {pool.picker.object}")


@rule(
    "T556",
    "error",
    "The Envoy beside the picker takes no prompts",
    why="Requests for completions are answered 404.",
    evidence=f"{_ENVOY}: a request that no route matches is answered 404. Model servers answer "
    "below /v1.",
    fix="match by the prefix /",
    example=breaks(
        "standalone",
        _OBJECT,
        _CONFIG,
        Replaced(("prefix: /\n", "prefix: /health\n")),
    ),
)
def takes_no_prompts(topology: Topology) -> Iterator[Violation]:
    for _, manager, processor in _asking(topology):
        at = manager.at["route_config"]
        if at.present and not any(manager.route(path) for path in _PROMPTS):
            match = manager.routes[0]["match"] if manager.routes else at
            yield Violation(
                manager.envoy.value(match, None),
                f"no route takes {' or '.join(_PROMPTS)}",
                manager.envoy.value(processor, None),
            )


_PROMPTS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages")

_SHORT = 300
"""Seconds in which a long answer may not be done."""


@rule(
    "T547",
    "warning",
    "The Envoy beside the picker stops before an answer is done",
    why="Envoy ends a request after 15 seconds unless told otherwise, and waits 200 ms for the "
    "picker: streams stop in the middle, or requests fail under load.",
    evidence=f"{_ENVOY}: timeout of a route, message_timeout of an ExternalProcessor.",
    fix="set the route's timeout to 0s, and message_timeout to 30s or more",
    example=breaks(
        "standalone",
        _OBJECT,
        _CONFIG,
        Replaced(("timeout: 0s\n          http", "timeout: 15s\n          http")),
    ),
)
def stops_early(topology: Topology) -> Iterator[Violation]:
    for _, manager, processor in _asking(topology):
        envoy = manager.envoy
        for route in manager.routes:
            at = route.at("route", "timeout")
            cluster = envoy.clusters.get(route.at("route", "cluster").text or "")
            if cluster is None or cluster.header is None:
                continue
            limit = 15.0 if at.text is None else _seconds(at.text)
            if limit is not None and 0 < limit < _SHORT:
                yield Violation(envoy.value(at, at.text), f"requests end after {at.text or '15s'}")
        at = processor["message_timeout"]
        waits = 0.2 if at.text is None else _seconds(at.text)
        if waits is not None and 0 < waits < 1:
            yield Violation(
                envoy.value(at, at.text), f"it waits {at.text or '200 ms'} for the picker"
            )


def _seconds(duration: str) -> float | None:
    """A duration as Envoy's JSON has it, such as ``0.25s``."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", duration)
    return None if match is None else float(match[1])
