"""The deployments of a cluster, and the ways to them and to their pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdk8s_inference.cluster import ClusterFailure, Connection, LiveObjects
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import Pods, ServedEngine, ServedModel
from cdk8s_inference.verify.evidence import Part
from cdk8s_inference.verify.exchange import Direct, NoAnswer, Send, within
from cdk8s_inference.verify.target import Counted, Target

_WORKER_INDEX = "leaderworkerset.sigs.k8s.io/worker-index"
_SCHEMES = {"HTTP": "http", "HTTPS": "https"}


@dataclass(frozen=True)
class ThroughApiServer:
    """Sends to a pod or Service through the API server, as ``kubectl get --raw`` does.

    Attributes:
        connection: The way to the cluster.
        base: Path of the proxy.
        headers: What is sent beside the body; may have a token, and is never shown.
    """

    connection: Connection
    base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(
        self, method: str, path: str, body: bytes | None, seconds: float
    ) -> tuple[int, bytes]:
        """Sends a request."""
        sent = {"Content-Type": "application/json", **self.headers}

        def call() -> tuple[int, bytes]:
            whole = f"{self.base}{path}"
            return self.connection.request(method, whole, headers=sent, body=body, timeout=seconds)

        try:
            return within(seconds, call)
        except ClusterFailure as failure:
            raise NoAnswer(str(failure)) from None


@dataclass(frozen=True)
class LiveCluster:
    """A cluster, and how its pods and Services are reached.

    Attributes:
        connection: The way to its API.
        live: Its objects.
        direct: Whether pods and Services are reached at their own addresses, as from a pod.
        headers: What is sent to deployments beside the body.
    """

    connection: Connection
    live: LiveObjects
    direct: bool
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
                counted=tuple(self._counted(each)),
                model=model or (names[0] if names else None),
                meant_apart=_is_meant_apart(each),
                problem=problem,
            )

    def _way(self, served: ServedModel, address: str | None) -> tuple[str, Send | None, str]:
        if address is not None:
            base = address.rstrip("/")
            return base, Direct(base, self.headers), ""
        for url, host in self._through_gateways(served):
            named = {"Host": host} if host else {}
            return url, Direct(url, {**self.headers, **named}), ""
        for service, port in _services(served):
            where = f"{service}.{served.namespace}.svc:{port}"
            if self.direct:
                return where, Direct(f"http://{where}", self.headers), ""
            base = f"/api/v1/namespaces/{served.namespace}/services/{service}:{port}/proxy"
            return where, ThroughApiServer(self.connection, base, self.headers), ""
        problem = "no gateway of its routes has an address that is known; give --address URL"
        return "", None, problem

    def _through_gateways(self, served: ServedModel) -> Iterator[tuple[str, str | None]]:
        """Addresses of the gateways of its routes with the path of a rule, and the host."""
        for route in served.routes:
            rules = served.rules(route)
            paths = [path for rule in rules for path in rule.paths] or ["/"]
            host = next((each for each in route.hosts if not each.startswith("*")), None)
            for parent in route.parents:
                gateway = self._gateway(parent.namespace, parent.name.value)
                section = parent.field("sectionName").value
                for listener in Cursor(gateway).at("spec", "listeners").items():
                    scheme = _SCHEMES.get(listener["protocol"].text or "")
                    if scheme is None or section not in (None, listener["name"].text):
                        continue
                    for each in Cursor(gateway).at("status", "addresses").items():
                        name = each["value"].text
                        if name:
                            place = f"{scheme}://{name}:{listener['port'].value}"
                            yield f"{place}{paths[0]}".rstrip("/"), host

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
        if self.direct:
            address = pod["status"].get("podIP", "")
            return Direct(f"http://[{address}]:{port}" if ":" in address else _at(address, port))
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


def _at(address: str, port: int) -> str:
    return f"http://{address}:{port}"


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
