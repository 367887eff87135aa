"""The deployments of a cluster, and the ways to them and to their pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from cdk8s_inference.cluster import ClusterFailure, Connection, LiveObjects
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import Pods, ServedEngine, ServedModel
from cdk8s_inference.verify.behind_service import Port, gateway_port, ready_port
from cdk8s_inference.verify.evidence import Part
from cdk8s_inference.verify.exchange import Direct, NoAnswer, Send
from cdk8s_inference.verify.target import Counted, Target
from cdk8s_inference.verify.through_cluster import ThroughApiServer, ThroughPortForward

_WORKER_INDEX = "leaderworkerset.sigs.k8s.io/worker-index"
_SCHEMES = {"HTTP": "http", "HTTPS": "https"}


Via = Literal["api-server", "port-forward", "direct"]
"""How pods and Services are reached: through the API server's proxy, through port-forwards, or at
their own addresses, as from a pod."""


@dataclass(frozen=True)
class LiveCluster:
    """A cluster, and how its pods and Services are reached.

    Attributes:
        connection: The way to its API.
        live: Its objects.
        via: How its pods and Services are reached.
        headers: What is sent to deployments beside the body.
    """

    connection: Connection
    live: LiveObjects
    via: Via
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def targets(
        self, models: Sequence[ServedModel], address: str | None, model: str | None
    ) -> Iterator[Target]:
        """What is asked of each deployment.

        Args:
            models: The deployments.
            address: Where it is asked, in place of what its routes and gateways say.
            model: The model to ask for, in place of what its engines say.
        """
        for each in models:
            where, send, problem = self._way(each, address)
            names = each.served_names
            yield Target(
                name=f"{each.namespace}/{each.name}",
                address=where,
                send=send,
                # A pod is read beside its Deployment where the ReplicaSet between may not be read.
                counted=tuple({one.name: one for one in self._counted(each)}.values()),
                model=model or (names[0] if names else None),
                meant_apart=_is_meant_apart(each),
                problem=problem,
            )

    def _way(self, served: ServedModel, address: str | None) -> tuple[str, Send | None, str]:
        if address is not None:
            base = address.rstrip("/")
            return base, Direct(base, self.headers), ""
        for each in self._listeners(served):
            if (way := self._through(each)) is not None:
                return *way, ""
        for service, port in _services(served):
            where = f"{service}.{served.namespace}.svc:{port}"
            return where, self._service(served.namespace, service, port), ""
        problem = "no gateway of its routes has an address that is known; give --address URL"
        return "", None, problem

    def _through(self, listener: _Listener) -> tuple[str, Send] | None:
        """The way through a gateway: what is shown of it, and how."""
        headers = dict(self.headers)
        if listener.host is not None:
            headers["Host"] = listener.host
        metadata, path = listener.gateway["metadata"], listener.path
        if self.via == "port-forward":
            owner = (metadata["namespace"], metadata["name"])
            if (found := gateway_port(self.connection, *owner, listener.port)) is not None:
                namespace, pod, port = found
                tls = listener.host or "localhost" if listener.scheme == "https" else None
                send = ThroughPortForward(self.connection, lambda: found, path, tls, headers)
                return f"{namespace}/{pod}:{port}{path}", send
        for each in Cursor(listener.gateway).at("status", "addresses").items():
            if name := each["value"].text:
                url = f"{listener.scheme}://{_at(name, listener.port)}{path}"
                return url, Direct(url, headers)
        return None

    def _service(self, namespace: str, service: str, port: int) -> Send:
        if self.via == "direct":
            return Direct(f"http://{service}.{namespace}.svc:{port}", self.headers)
        if self.via == "api-server":
            base = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy"
            return ThroughApiServer(self.connection, base, self.headers)
        pod = partial(self._behind, namespace, service, port)
        return ThroughPortForward(self.connection, pod, headers=self.headers)

    def _behind(self, namespace: str, service: str, port: int) -> Port:
        try:
            found = ready_port(self.connection, namespace, service, port)
        except ClusterFailure as failure:
            raise NoAnswer(str(failure)) from None
        if found is None:
            raise NoAnswer(f"no Ready pod is behind {service}.{namespace}.svc:{port}")
        return found

    def _listeners(self, served: ServedModel) -> Iterator[_Listener]:
        """The listeners of the gateways of its routes, with the path of a rule, and the host."""
        for route in served.routes:
            rules = served.rules(route)
            paths = [path for rule in rules for path in rule.paths] or ["/"]
            host = next((each for each in route.hosts if not each.startswith("*")), None)
            for parent in route.parents:
                gateway = self._gateway(parent.namespace, parent.name.value)
                section = parent.field("sectionName").value
                for each in Cursor(gateway).at("spec", "listeners").items():
                    scheme = _SCHEMES.get(each["protocol"].text or "")
                    port = each["port"].value
                    if gateway is None or scheme is None or not isinstance(port, int):
                        continue
                    if section in (None, each["name"].text):
                        yield _Listener(gateway, scheme, port, paths[0].rstrip("/"), host)

    def _gateway(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        for each in self.live.statuses["Gateway"]:
            if each["metadata"]["name"] == name and each["metadata"]["namespace"] == namespace:
                return each
        path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways/{name}"
        try:
            found: Mapping[str, Any] = self.connection.get(path)
        except ClusterFailure:
            return None
        return found

    def _counted(self, served: ServedModel) -> Iterator[Counted]:
        for each in served.engines:
            sidecar = each.sidecar
            ports = each.engine.ports if each.engine else ()
            # An engine may listen on loopback alone; its sidecar hands /metrics on.
            others = () if sidecar is None else sidecar.ports
            server = each.engine.server if each.engine else None
            path = server.metrics.path if server and server.metrics else "/metrics"
            for pod in self._pods(each.pods[:1], served.namespace):
                for port in ports:
                    name = pod["metadata"]["name"]
                    named = name if len(ports) < 2 else f"{name}:{port}"
                    ways = [self._pod(pod, port), *(self._pod(pod, other) for other in others)]
                    yield Counted(named, _part(each), ways, path)
        for picker in served.pickers:
            metrics = picker.number("metrics-port")
            for pod in self._pods([picker.pods], picker.object.namespace):
                ways = [] if metrics is None else [self._pod(pod, metrics.value)]
                yield Counted(pod["metadata"]["name"], "picker", ways)

    def _pod(self, pod: Mapping[str, Any], port: int) -> Send:
        metadata = pod["metadata"]
        if self.via == "direct":
            return Direct(f"http://{_at(pod['status'].get('podIP', ''), port)}")
        if self.via == "port-forward":
            found = (metadata["namespace"], metadata["name"], port)
            return ThroughPortForward(self.connection, lambda: found)
        where = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}:{port}/proxy"
        return ThroughApiServer(self.connection, where)

    def _pods(self, made: Sequence[Pods], namespace: str) -> Iterator[Mapping[str, Any]]:
        """The running pods of some templates; of gangs those that lead."""
        for pod in self.live.statuses["Pod"]:
            metadata, status = pod["metadata"], pod.get("status") or {}
            labels = metadata.get("labels") or {}
            if metadata["namespace"] != namespace or status.get("phase") != "Running":
                continue
            if labels.get(_WORKER_INDEX, "0") != "0":
                continue
            if any(each.labels.items() <= labels.items() for each in made):
                yield pod


@dataclass(frozen=True)
class _Listener:
    """A listener of a gateway, and what a route takes there.

    Attributes:
        gateway: The Gateway, with its status.
        scheme: ``http`` or ``https``.
        port: Its port.
        path: The path of a rule, with no slash at its end.
        host: A host that the route takes; None for any.
    """

    gateway: Mapping[str, Any]
    scheme: str
    port: int
    path: str
    host: str | None


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _is_meant_apart(served: ServedModel) -> bool:
    """Whether engines, pool or picker say so, also where another of them does not."""
    pool = served.pool
    asked = any(picker.asks_for_prefill is not None for picker in served.pickers)
    return served.disaggregates or asked or (pool is not None and pool.disaggregates is not None)


def _part(engine: ServedEngine) -> Part:
    return engine.role if engine.role == "prefill" or engine.role == "decode" else "engine"


def _services(served: ServedModel) -> Iterator[tuple[str, int]]:
    """Services and ports at which requests are answered: the engines', or the proxy's."""
    engines = {pods for each in served.engines for pods in each.pods}
    picked = {port for picker in served.pickers for port in picker.ports}
    for service in served.services:
        behind = not engines.isdisjoint(service.backends)
        if served.pool is not None and behind:
            continue
        for port, target in service.ports.items():
            if behind or (target is not None and target.value not in picked):
                yield service.object.name, port
