"""Monitors: whether Prometheus finds the ports that it is to scrape."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, shown
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.topology import Topology
from cdk8s_inference.topology.selector import label_selector


@rule(
    "T627",
    "warning",
    "A monitor scrapes a port that no selected pod or Service declares",
    why="Prometheus has no target for it: dashboards and autoscalers see nothing, and nothing "
    "reports an error.",
    evidence="Prometheus Operator: port is the name of a container's port for a PodMonitor, and of "
    "a Service's port for a ServiceMonitor.",
    fix="name a port that is declared, or add its name to the pods or the Service",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: engines, namespace: llm}
spec:
  selector: {matchLabels: {model: qwen}}
  podMetricsEndpoints: [{port: metrics}]
""",
    ),
)
def absent_port(topology: Topology) -> Iterator[Violation]:
    for monitor in topology.of_kind("PodMonitor", "ServiceMonitor"):
        of_pods = monitor.kind == "PodMonitor"
        if monitor.at("spec", "namespaceSelector").present:
            continue
        selector = label_selector(monitor, monitor.at("spec", "selector")).value
        declared = [
            names
            for namespace, labels, names in (_pods(topology) if of_pods else _services(topology))
            if namespace == monitor.namespace and selector.matches(labels)
        ]
        if not declared:
            continue
        known = sorted({name for names in declared for name in names})
        endpoints = monitor.at("spec", "podMetricsEndpoints" if of_pods else "endpoints")
        for endpoint in endpoints.items():
            port = monitor.text(endpoint["port"])
            if port is not None and port.value not in known:
                yield Violation(
                    port,
                    f"port {shown(port.value)} is not among those that are declared: "
                    f"{', '.join(known) or 'none has a name'}",
                )


Target = tuple[str, dict[str, str], set[str]]
"""Namespace, labels, and the names of ports."""


def _pods(topology: Topology) -> Iterator[Target]:
    for pods in topology.pods:
        ports = (item for each in pods.staying for item in each.at["ports"].items())
        names = {name for item in ports if (name := item["name"].text)}
        yield pods.object.namespace, dict(pods.labels), names


def _services(topology: Topology) -> Iterator[Target]:
    for service in topology.services:
        ports = service.object.at("spec", "ports").items()
        names = {name for item in ports if (name := item["name"].text)}
        yield service.object.namespace, dict(service.object.labels), names
