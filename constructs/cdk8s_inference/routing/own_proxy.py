"""A standalone picker's own Envoy: its bootstrap, and the container beside the picker.

Fields are Envoy's v3 API; which of them a picker needs was read in llm-d-router v0.10.0's chart
``llm-d-router-standalone``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from cdk8s_inference.releases.headers import ENDPOINT_HEADER, PICKER_HEADERS

PROXY_PORT = 8080
"""Where it takes requests."""

_STATS_PORT = 19001
_ADMIN_PORT = 19000

IMAGE = "docker.io/envoyproxy/envoy:distroless-v1.38.3"
"""What Envoy Gateway v1.8.3 runs, which the serving stack installs for another provider."""

REQUESTS: Mapping[str, str] = {"cpu": "1", "memory": "512Mi"}
"""What it requests, unless told otherwise."""

_USER = 65532

_UNLIMITED = 1_000_000

_HTTP = "type.googleapis.com/envoy.extensions"
_EARLY_MUTATION = f"{_HTTP}.http.early_header_mutation.header_mutation"


@dataclass(frozen=True)
class Endpoints:
    """The pods that a picker without an InferencePool picks from.

    Attributes:
        labels: Their labels.
        ports: Where each of them listens, one to eight.
    """

    labels: Mapping[str, str]
    ports: Sequence[int]

    @property
    def selector(self) -> str:
        """The labels as a selector's text."""
        return ",".join(f"{key}={value}" for key, value in self.labels.items())


def bootstrap(picker_port: int) -> str:
    """Envoy's configuration, as YAML."""
    return yaml.safe_dump(
        {
            "admin": {"address": _address("127.0.0.1", _ADMIN_PORT)},
            "static_resources": {
                "listeners": [
                    _listener("models", PROXY_PORT, _models()),
                    _listener("stats", _STATS_PORT, _stats()),
                ],
                "clusters": [_picked(), _picker(picker_port), _admin()],
            },
        },
        sort_keys=False,
    )


def container(
    file: str,
    mount: Mapping[str, Any],
    image: str = IMAGE,
    requests: Mapping[str, str] = REQUESTS,
) -> dict[str, Any]:
    """The container, a native sidecar.

    It stops after the picker has: Envoy ends at once on SIGTERM, and would cut the streams that
    the picker still serves.

    Args:
        file: Path of the bootstrap.
        mount: The volume mount that has it.
        image: Its image.
        requests: What it requests.
    """
    return {
        "name": "envoy",
        "image": image,
        "restartPolicy": "Always",
        "command": ["envoy"],
        "args": [
            # It takes no `=` between a flag and its value.
            *("--config-path", file),
            # By default as many as the node has cores, each with its own memory.
            *("--concurrency", "4"),
            *("--log-level", "warning"),
            # Its shared memory is for a successor in the same pod, of which there is none.
            "--disable-hot-restart",
        ],
        "ports": [
            {"name": "http", "containerPort": PROXY_PORT, "protocol": "TCP"},
            {"name": "envoy-stats", "containerPort": _STATS_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": _STATS_PORT},
            "periodSeconds": 5,
            "timeoutSeconds": 5,
        },
        # No CPU limit: throttling would delay every request of the deployment.
        "resources": {
            "requests": dict(requests),
            "limits": {"memory": "2Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": _USER,
        },
        "volumeMounts": [mount],
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _listener(name: str, port: int, manager: Mapping[str, Any]) -> dict[str, Any]:
    typed = {
        "@type": f"{_HTTP}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        **manager,
    }
    network_filter = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": typed,
    }
    return {
        "name": name,
        "address": _address("0.0.0.0", port),
        "filter_chains": [{"filters": [network_filter]}],
    }


def _routes(name: str, routes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "virtual_hosts": [{"name": name, "domains": ["*"], "routes": list(routes)}],
    }


def _router() -> dict[str, Any]:
    typed = {"@type": f"{_HTTP}.filters.http.router.v3.Router"}
    return {"name": "envoy.filters.http.router", "typed_config": typed}


def _models() -> dict[str, Any]:
    # Envoy's default of 15 seconds cuts a longer answer off in the middle of its stream.
    everything = {"match": {"prefix": "/"}, "route": {"cluster": "picked", "timeout": "0s"}}
    return {
        # By default five minutes without a byte end a stream; a queued request has none.
        "stream_idle_timeout": "0s",
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {
                    "@type": f"{_EARLY_MUTATION}.v3.HeaderMutation",
                    "mutations": [{"remove": header} for header in PICKER_HEADERS],
                },
            }
        ],
        "route_config": _routes("models", [everything]),
        "http_filters": [_ask_picker(), _router()],
    }


def _ask_picker() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.ext_proc",
        "typed_config": {
            "@type": f"{_HTTP}.filters.http.ext_proc.v3.ExternalProcessor",
            "grpc_service": {"envoy_grpc": {"cluster_name": "picker"}},
            "failure_mode_allow": False,
            # The picker may hold a request back; the default is 200 ms.
            "message_timeout": "300s",
            "processing_mode": {
                "request_header_mode": "SEND",
                "request_body_mode": "FULL_DUPLEX_STREAMED",
                "request_trailer_mode": "SEND",
                "response_header_mode": "SEND",
                "response_body_mode": "FULL_DUPLEX_STREAMED",
                "response_trailer_mode": "SEND",
            },
        },
    }


def _stats() -> dict[str, Any]:
    """Of what the admin port has, that which changes nothing."""
    paths = ("/ready", "/stats/prometheus")
    routes = [{"match": {"path": path}, "route": {"cluster": "admin"}} for path in paths]
    return {"route_config": _routes("stats", routes), "http_filters": [_router()]}


def _no_circuit_breaker() -> dict[str, Any]:
    """By default the 1,025th request at a time gets 503; the picker knows better."""
    limits = ("max_connections", "max_pending_requests", "max_requests")
    return {"circuit_breakers": {"thresholds": [dict.fromkeys(limits, _UNLIMITED)]}}


def _protocol(**options: Any) -> dict[str, Any]:
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    typed = {"@type": f"type.googleapis.com/{name}", **options}
    return {"typed_extension_protocol_options": {name: typed}}


def _picked() -> dict[str, Any]:
    return {
        "name": "picked",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "5s",
        "original_dst_lb_config": {"use_http_header": True, "http_header_name": ENDPOINT_HEADER},
        **_no_circuit_breaker(),
        **_protocol(
            # vLLM closes a connection after five idle seconds: a request sent just then is lost.
            common_http_protocol_options={"idle_timeout": "4s"},
            explicit_http_config={"http_protocol_options": {}},
        ),
    }


def _picker(port: int) -> dict[str, Any]:
    return {
        **_static("picker", port),
        **_no_circuit_breaker(),
        **_protocol(explicit_http_config={"http2_protocol_options": {}}),
    }


def _admin() -> dict[str, Any]:
    return _static("admin", _ADMIN_PORT)


def _static(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address("127.0.0.1", port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
