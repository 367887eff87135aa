"""An Envoy that is configured by a file: who reaches it, and on which ports."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import Replaced, breaks
from cdk8s_inference.topology import Envoy, HttpManager, SourceValue, Topology
from cdk8s_inference.topology.envoy import is_loopback

_PICKER = "Deployment/qwen-epp"
_ENVOY = "spec.template.spec.initContainers[0]"
_OBJECT, _CONFIG = "ConfigMap/qwen-epp", "data[envoy.yaml]"


def _whole(topology: Topology) -> Iterator[Envoy]:
    for envoy in topology.envoys:
        listeners = envoy.root.at("static_resources", "listeners")
        if envoy.is_whole and (envoy.ports or not listeners.present):
            yield envoy


@rule(
    "T548",
    "error",
    "A Service leads to a port where neither Envoy nor its pod listens",
    why="Connections to the Service are refused.",
    evidence="Kubernetes: a Service sends to targetPort, whether or not anybody listens. Envoy "
    "listens where its configuration says, not on the ports that its container declares.",
    fix="set targetPort to the port of Envoy's listener",
    example=breaks("standalone", "Service/qwen", "spec.ports[0].targetPort", 8000),
)
def service_port(topology: Topology) -> Iterator[Violation]:
    for envoy in _whole(topology):
        others = {
            port.value
            for container in envoy.pods.staying
            if container is not envoy.container
            for port in container.ports
        }
        picker = next((each for each in topology.pickers if each.pods is envoy.pods), None)
        reached = {port for port, address in envoy.ports.items() if not is_loopback(address)}
        known = {*others - envoy.ports.keys(), *reached, *(picker.ports if picker else ())}
        for service in topology.services:
            if envoy.pods not in service.backends:
                continue
            for number, target in service.ports.items():
                if target is not None and target.value not in known:
                    yield Violation(
                        target,
                        f"port {number} leads to {target.value}; Envoy listens for others on "
                        f"{', '.join(map(str, sorted(reached)))}",
                        envoy.config,
                    )


@rule(
    "T549",
    "error",
    "A probe of Envoy asks where it does not answer",
    why="The pod never becomes ready, or is restarted again and again.",
    evidence="Envoy listens where its configuration says; its administration at 127.0.0.1 is not "
    "reached by the kubelet.",
    fix="probe the port of a listener that answers the path, such as one that leads to /ready of "
    "the administration",
    example=breaks("standalone", _PICKER, f"{_ENVOY}.readinessProbe.httpGet.port", 19000),
)
def probe(topology: Topology) -> Iterator[Violation]:
    for envoy in _whole(topology):
        admin = envoy.root.at("admin", "address", "socket_address", "port_value").value
        reached = {port for port, address in envoy.ports.items() if not is_loopback(address)}
        if envoy.admin is not None and not is_loopback(envoy.admin.value):
            reached.add(admin)
        for each in envoy.container.probes:
            if each.port is None or each.at["host"].present:
                continue
            path = each.path.value if each.path is not None else "/"
            asks = each.path is not None or "httpGet" in each.at.path
            managers = [one for one in envoy.managers if each.port.value in one.ports]
            if each.port.value not in reached:
                yield Violation(
                    each.port,
                    f"{each.kind} asks port {each.port.value}; Envoy listens on "
                    f"{', '.join(map(str, sorted(reached)))}",
                    envoy.config,
                )
            elif asks and managers and not any(one.serves(path) for one in managers):
                yield Violation(
                    each.path or each.port,
                    f"{each.kind} asks for {path!r}, which no route of the listener takes",
                    envoy.config,
                )
            elif asks and managers:
                silent = _silent(topology, envoy, managers[0], path)
                if silent is not None:
                    yield Violation(
                        silent,
                        f"{each.kind} asks for {path!r}, which is led to cluster "
                        f"{silent.value!r}, and nobody listens there",
                        each.path or each.port,
                    )


def _silent(
    topology: Topology, envoy: Envoy, manager: HttpManager, path: str
) -> SourceValue[str] | None:
    """The cluster of the pod itself that a path leads to, where nobody listens at its address."""
    route = manager.route(path)
    cluster = envoy.clusters.get(route.at("route", "cluster").text or "") if route else None
    if cluster is None or cluster.type.value != "STATIC":
        return None
    admin = envoy.root.at("admin", "address", "socket_address")
    listening = {
        port for each in topology.pickers if each.pods is envoy.pods for port in each.ports
    }
    listening |= {*envoy.ports, *envoy.pods.ports}
    for address, port in cluster.addresses:
        everywhere = not is_loopback(admin["address"].text or "")
        is_admin = admin["port_value"].value == port.value and (
            everywhere or admin["address"].text == address
        )
        if is_admin or not is_loopback(address) or port.value in listening:
            return None
    return cluster.here


@rule(
    "T550",
    "warning",
    "Envoy's administration is open to the network",
    why="Whoever reaches the pod can stop Envoy, or read its configuration and keys.",
    evidence="Envoy's documentation of its administration interface.",
    fix="bind it to 127.0.0.1, and lead a listener of its own to /ready and /stats/prometheus",
    example=breaks(
        "standalone",
        _OBJECT,
        _CONFIG,
        Replaced(("address: 127.0.0.1", "address: 0.0.0.0")),
    ),
)
def open_administration(topology: Topology) -> Iterator[Violation]:
    for envoy in topology.envoys:
        if envoy.admin is not None and not is_loopback(envoy.admin.value):
            yield Violation(envoy.admin, f"the administration listens on {envoy.admin.value}")


@rule(
    "T551",
    "warning",
    "No Service leads to the Envoy beside the picker",
    why="Requests reach no picker, or go to the engines directly.",
    evidence="The Services that were read lead elsewhere.",
    fix="select the picker's pods in a Service, and lead it to the port of Envoy's listener",
    after=("T548",),
    example=breaks("standalone", "Service/qwen", "spec.selector", {"model": "qwen"}),
)
def no_service(topology: Topology) -> Iterator[Violation]:
    for envoy in _whole(topology):
        models = {
            port
            for manager in envoy.managers
            if manager.processor is not None
            for port in manager.ports
        }
        beside = [
            each
            for each in topology.services
            if each.object.namespace == envoy.pods.object.namespace
        ]
        led_to = {
            target.value
            for service in beside
            if envoy.pods in service.backends
            for target in service.ports.values()
            if target is not None
        }
        if models and beside and not led_to & models:
            yield Violation(
                envoy.container.here,
                f"no Service that was read leads to port {min(models)} of {envoy.pods.object}",
                beside[-1].selector,
                missing=True,
            )
