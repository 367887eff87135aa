"""A real gateway takes our routes, and carries requests to the pods that we meant."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.acceptance import peer, sources
from tests.acceptance.cluster import (
    Cluster,
    Key,
    Object,
    condition,
    eventually,
    key,
    namespace,
)
from tests.acceptance.counts import COUNTS
from tests.acceptance.envoy import NAMESPACE, OWNER, PRIVILEGED_PORTS, envoy_gateway, proxy
from tests.acceptance.host import Host
from tests.acceptance.process import started
from tests.acceptance.serving import Site
from tests.acceptance.sources import ROOT
from tests.acceptance.workloads import workloads

MINUTE = 60.0
_PORT = "8000"
_NODE = "node-0"
STREAM_SECONDS = 17
"""Longer than the 15 seconds after which Envoy cuts a response by default."""


@dataclass(frozen=True)
class Routed:
    """A gateway with what it routes to.

    Attributes:
        cluster: Where its objects are.
        objects: What we emitted.
        servers: The pods by the address that each serves at.
        client: Where requests come from.
        gateway: The gateway's address.
    """

    cluster: Cluster
    objects: list[Object]
    servers: Mapping[str, Object]
    client: Host
    gateway: str

    def ask(self, path: str) -> dict[str, Any]:
        """Sends a request through the gateway."""
        url = f"http://{self.gateway}:{80 + PRIVILEGED_PORTS}{path}"
        return self.client.ask(url)


@pytest.fixture(scope="module")
def routed(site: Site) -> Iterator[Routed]:
    """The app's routes on a gateway, and a server on every engine pod behind a Service."""
    cluster, net, folder = site.cluster, site.network, site.folder
    emitted = list(sources.app(ROOT / "main.py", folder / "dist"))
    objects = [item for source in emitted for item in source.objects]
    with ExitStack() as stack:
        _apply(cluster, objects)
        stack.enter_context(envoy_gateway(cluster, _settings(objects)))

        servers = {}
        for pod in _engine_pods(cluster, objects):
            name = pod["metadata"]["name"]
            host = net.host(name)
            command = host.command(sys.executable, peer.__file__, "serve", host.address, _PORT)
            ready = partial(host.listens, int(_PORT), host.address)
            stack.enter_context(started(name, command, folder, ready=ready))
            cluster.run(pod, _NODE, host.address)
            servers[host.address] = pod

        gateway = net.host("gateway")
        deployment = _proxy_deployment(cluster)
        stack.enter_context(proxy(cluster, deployment, gateway, folder / "proxy"))
        _run_proxy(cluster, deployment, gateway.address)
        yield Routed(cluster, objects, servers, net.host("client"), gateway.address)


def test_the_gateway_takes_what_we_emit(routed: Routed) -> None:
    """Also the route to a pool, though what serves pools is not here."""
    wanted = {
        "GatewayClass": {"Accepted"},
        "Gateway": {"Accepted", "Programmed"},
        "HTTPRoute": {"Accepted", "ResolvedRefs"},
    }
    policies = {
        item["kind"]: {"Accepted"}
        for item in routed.objects
        if item["apiVersion"].startswith("gateway.") and item["kind"].endswith("Policy")
    }
    for kind, conditions in {**wanted, **policies}.items():
        emitted = {key(item) for item in routed.objects if item["kind"] == kind}
        assert emitted, kind
        eventually(partial(_unaccepted, routed.cluster, kind, emitted, conditions), MINUTE)
        COUNTS[f"{kind} accepted by the gateway"] += len(emitted)


@pytest.mark.parametrize("path", ["", "v1/models", "v1/chat/completions"])
def test_a_request_reaches_a_serving_pod_without_the_prefix(routed: Routed, path: str) -> None:
    for route in _routes(routed.objects, "Service"):
        eventually(partial(_unanswered, routed, _prefix(route)), MINUTE)
        answer = routed.ask(f"{_prefix(route)}{path}")
        assert answer["status"] == 200, answer
        seen = json.loads(answer["body"].splitlines()[0])
        assert seen["path"] == f"/{path}"
        labels = routed.servers[seen["server"]]["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] in _services(route)
        assert labels.get("leaderworkerset.sigs.k8s.io/worker-index", "0") == "0"
        COUNTS["requests routed"] += 1


def test_a_long_stream_is_not_cut(routed: Routed) -> None:
    route = next(iter(_routes(routed.objects, "Service")))
    eventually(partial(_unanswered, routed, _prefix(route)), MINUTE)
    answer = routed.ask(f"{_prefix(route)}v1/completions?seconds={STREAM_SECONDS}")
    assert answer["seconds"] > STREAM_SECONDS
    assert answer["whole"]
    lines = answer["body"].splitlines()
    assert lines.count("tick") == STREAM_SECONDS
    assert lines[-1] == peer.LAST_LINE


def _unanswered(routed: Routed, path: str) -> list[str]:
    """Whether the gateway has heard yet of the pods behind a path."""
    answer = routed.ask(path)
    return [] if answer["status"] == 200 else [f"{path}: {answer}"]


def _apply(cluster: Cluster, objects: Sequence[Object]) -> None:
    applied = [item for item in objects if item["kind"] != "CustomResourceDefinition"]
    there = {item["metadata"]["name"] for item in applied if item["kind"] == "Namespace"}
    used = {name for item in applied if (name := item["metadata"].get("namespace"))}
    cluster.apply([*map(namespace, sorted(used - there)), *applied])


def _settings(objects: Sequence[Object]) -> dict[str, Any]:
    """How our stack has Envoy Gateway set up."""
    found = [
        config["envoyGateway"]
        for item in objects
        if item["kind"] == "HelmRelease"
        if "envoyGateway" in (config := item["spec"].get("values", {}).get("config", {}))
    ]
    settings: dict[str, Any]
    (settings,) = found
    return settings


def _routes(objects: Sequence[Object], backend: str) -> Iterator[Object]:
    for item in objects:
        if item["kind"] == "HTTPRoute":
            (rule,) = item["spec"]["rules"]
            if rule["backendRefs"][0].get("kind", "Service") == backend:
                yield item


def _services(route: Object) -> set[str]:
    """The replicas that a route leads to: a Service is named after its own."""
    return {backend["name"] for backend in route["spec"]["rules"][0]["backendRefs"]}


def _prefix(route: Object) -> str:
    path: str = route["spec"]["rules"][0]["matches"][0]["path"]["value"]
    return path


def _engine_pods(cluster: Cluster, objects: Sequence[Object]) -> list[Object]:
    """The pods of the engines behind Services, a gang's followers too, once all are there."""
    fronted = {name for route in _routes(objects, "Service") for name in _services(route)}
    engines = [
        workload
        for workload in workloads(objects)
        if workload.pods[0][1]["metadata"]["labels"]["app.kubernetes.io/instance"] in fronted
    ]
    expected = sum(count for workload in engines for count, _ in workload.pods)
    assert expected

    def found() -> list[Object]:
        pods = cluster.get("pods")
        return [pod for pod in pods if any(workload.owns(pod) for workload in engines)]

    eventually(lambda: [] if len(found()) == expected else [f"{len(found())} pods"], MINUTE)
    return found()


def _proxy_deployment(cluster: Cluster) -> Object:
    """The Deployment that Envoy Gateway makes of our Gateway."""

    def found() -> list[Any]:
        return cluster.listed("deployments", f"--namespace={NAMESPACE}", f"--selector={OWNER}")

    eventually(lambda: [] if found() else ["no Deployment of a Gateway"], MINUTE)
    deployment: Object
    (deployment,) = found()
    return deployment


def _run_proxy(cluster: Cluster, deployment: Object, address: str) -> None:
    """Tells the cluster that the proxy runs, and that the world reaches it."""
    selector = ",".join(
        f"{name}={value}" for name, value in deployment["spec"]["selector"]["matchLabels"].items()
    )
    where = (f"--namespace={NAMESPACE}", f"--selector={selector}")
    eventually(lambda: [] if cluster.listed("pods", *where) else ["no pod of it"], MINUTE)
    for pod in cluster.listed("pods", *where):
        cluster.run(pod, _NODE, address)
    for service in cluster.listed("services", f"--namespace={NAMESPACE}", f"--selector={OWNER}"):
        cluster.set_status(service, {"loadBalancer": {"ingress": [{"ip": address}]}})


def _unaccepted(
    cluster: Cluster, kind: str, emitted: Collection[Key], wanted: Collection[str]
) -> list[str]:
    """What the gateway has not said yet of the objects of a kind, or not well."""
    missing = []
    for item in cluster.get(kind):
        if key(item) not in emitted:
            continue
        status = item.get("status", {})
        reports = status.get("parents") or status.get("ancestors") or [status]
        missing += [
            f"{kind} {item['metadata']['name']} is not {type}: {report.get('conditions')}"
            for report in reports
            for type in wanted
            if not condition({"status": report}, type)
        ]
    return missing
