"""What the Envoy beside a picker is told, and what is said where that does not work."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.findings import Finding
from tests.checks.rendered import Json, found, the
from tests.kit import examples

_LOOPBACK = "address: 127.0.0.1\n                port_value: 9002"
_HTTP2 = "explicit_http_config:\n          http2_protocol_options: {}"


def _objects(*edits: tuple[str, str]) -> list[Any]:
    objects: list[Json] = examples.base("standalone")
    data = the(objects, "ConfigMap", "qwen-epp")["data"]
    for old, new in edits:
        assert old in data["envoy.yaml"]
        data["envoy.yaml"] = data["envoy.yaml"].replace(old, new, 1)
    return objects


def _said(*edits: tuple[str, str]) -> list[Finding]:
    return found(_objects(*edits))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("static_resources:", "static_resources: [", "T541"),
        ("use_http_header:", "use_http_headers:", "T541"),
        ("request_header_mode: SEND", "request_header_mode: SENT", "T541"),
        ("v3.HttpConnectionManager", "v3.HttpConectionManager", "T541"),
        ("lb_policy: CLUSTER_PROVIDED", "lb_policy: ROUND_ROBIN", "T541"),
        ("type: ORIGINAL_DST", "type: STATIC", "T541"),
        ("use_http_header: true", "use_http_header: false", "T541"),
        ("request_trailer_mode: SEND", "request_trailer_mode: SKIP", "T541"),
        ("response_trailer_mode: SEND", "response_trailer_mode: SKIP", "T541"),
        ("port_value: 19001", "port_value: 8080", "T541"),
        ("name: admin\n", "name: picker\n", "T541"),
        ("cluster_name: picker\n", "cluster_name: epp\n", "T542"),
        ("port_value: 9002", "port_value: 9090", "T543"),
        ("request_body_mode: FULL_DUPLEX_STREAMED", "request_body_mode: BUFFERED", "T545"),
        ("request_header_mode: SEND", "request_header_mode: SKIP", "T545"),
        ("x-gateway-destination-endpoint\n    circuit", "x-other\n    circuit", "T544"),
        ("message_timeout: 300s", "message_timeout: 0.2s", "T547"),
        ("path: /ready", "path: /readyz", "T549"),
        ("port_value: 19000", "port_value: 19009", "T549"),
        (
            "address: 0.0.0.0\n        port_value: 8080",
            "address: 127.0.0.1\n        port_value: 8080",
            "T548",
        ),
        ("prefix: /\n", "prefix: /models/\n", "T556"),
        ("message_timeout: 300s", "message_timeout: 5m", "T541"),
        ("envoy_grpc:\n                  cluster_name: picker", "envoy_grpc: {}", "T541"),
        ("explicit_http_config:\n          http_protocol_options: {}", "http_filters: []", "T541"),
        ("- remove: x-prefiller-host-port", "- {}", "T541"),
        ("match:\n                  prefix: /\n", "match: {}\n", "T541"),
        ("domains:\n              - '*'", "domains: []", "T541"),
        ("type: STATIC\n", "type: STATICS\n", "T541"),
    ],
)
def test_what_is_told(old: str, new: str, code: str) -> None:
    assert code in {each.code for each in _said((old, new))}


@pytest.mark.parametrize(
    "edits",
    [
        (),
        (("timeout: 0s\n", "timeout: 86400s\n"),),
        (("message_timeout: 300s", "message_timeout: 10s"),),
        (("http_header_name: x-gateway", "http_header_name: X-Gateway"),),
        (("response_body_mode: FULL_DUPLEX_STREAMED", "response_body_mode: NONE"),),
        (("name: envoy.filters.http.ext_proc", "name: picker"),),
        (("prefix: /\n", "safe_regex: {regex: /.*}\n"),),
        (("static_resources:", "dynamic_resources: {}\nstatic_resources:"),),
    ],
)
def test_what_works(edits: tuple[tuple[str, str], ...]) -> None:
    assert _said(*edits) == []


def test_the_line_within_the_file() -> None:
    [only] = _said(("cluster: picked", "cluster: pickd"))
    assert only.path == (
        "data[envoy.yaml]: static_resources.listeners[0].filter_chains[0].filters[0].typed_config"
        ".route_config.virtual_hosts[0].routes[0].route.cluster"
    )


def test_headers_are_of_no_interest_to_a_sidecar_that_checks_them() -> None:
    objects = _objects(("- remove: x-prefiller-host-port\n", "- remove: x-other\n"))
    assert {each.code for each in found(objects)} == {"T546"}
    sidecar = the(objects, "Deployment", "decode")["spec"]["template"]["spec"]["initContainers"][0]
    sidecar["args"] += ["--enable-ssrf-protection=true", "--inference-pool=llm/qwen"]
    assert "T546" not in {each.code for each in found(objects)}


def test_a_picker_with_tls_is_asked_with_tls() -> None:
    tls = "transport_socket: {name: envoy.transport_sockets.tls}\n    "
    objects = _objects(("type: STATIC\n", f"type: STATIC\n    {tls.strip()}\n"))
    assert {each.code for each in found(objects)} == {"T543"}
    args = the(objects, "Deployment", "qwen-epp")["spec"]["template"]["spec"]["containers"][0]
    args["args"].remove("--secure-serving=false")
    assert found(objects) == []
