"""Services: whether they select the pods that they are for."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks, manifests
from cdk8s_inference.topology import Topology


@rule(
    "T626",
    "warning",
    "A Service selects no pod",
    why="It has no endpoints: every connection to it is refused.",
    evidence="Kubernetes: a Service leads to the pods of its namespace that have all its labels.",
    fix="correct the selector, or the labels of the pod template",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: v1
kind: Service
metadata: {name: engines, namespace: llm}
spec:
  selector: {app: decoder}
  ports: [{name: http, port: 80, targetPort: 8000}]
""",
    ),
    after=("T105", "T403"),
)
def selects_nothing(topology: Topology) -> Iterator[Violation]:
    for service in topology.services:
        wanted = service.selector
        if service.backends or topology.may_select(service.object, wanted.value):
            continue
        # Labels that no pod of the namespace has may be of pods that were not read.
        near = [
            pods
            for pods in topology.pods
            if pods.object.namespace == service.object.namespace
            and wanted.value.labels
            and pods.labels.keys() >= wanted.value.labels.keys()
        ]
        if near:
            labels = {key: near[0].labels[key] for key in wanted.value.labels}
            yield Violation(
                wanted,
                f"{wanted.value} selects no pod that was read; those of {near[0].object} "
                f"have {labels}",
                near[0].here,
            )


@rule(
    "T630",
    "error",
    "A Service carries no TCP to the pods that it selects",
    why="HTTP and gRPC are TCP, and a Service of type ExternalName sends to no pods: every "
    "connection fails.",
    evidence="Kubernetes: Service.",
    fix="set type: ClusterIP, and protocol: TCP, which is the default",
    example=breaks("disaggregated", "Service/qwen-epp", "spec.ports[0].protocol", "UDP"),
)
def no_tcp(topology: Topology) -> Iterator[Violation]:
    for service in topology.services:
        serving = any(pods.engine or pods.picker_container for pods in service.backends)
        kind = service.object.at("spec", "type")
        if not serving:
            continue
        if kind.text == "ExternalName":
            yield Violation(service.object.value_at(kind, kind.text), "type is ExternalName")
        for item in service.object.at("spec", "ports").items():
            protocol, number = item["protocol"], service.object.number(item["port"])
            target = service.ports.get(number.value) if number is not None else None
            taken = {
                port
                for pods in service.backends
                for port in (*pods.ports, *(pods.engine.ports if pods.engine else ()))
            }
            if protocol.text not in (None, "TCP") and target and target.value in taken | {9002}:
                yield Violation(
                    service.object.value_at(protocol, protocol.text),
                    f"protocol is {protocol.text}, and port {target.value} is TCP",
                    target,
                )
