"""What a serving pod may do beyond serving."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.topology import Topology

_ENGINE = "spec.template.spec.containers[0]"


@rule(
    "T901",
    "warning",
    "A container is privileged",
    why="Whoever breaks into the model server has the node.",
    evidence="Devices come by claims or a device plugin; RDMA needs the capability IPC_LOCK alone.",
    fix="remove privileged, and add the capabilities that are needed",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.securityContext.privileged", True
    ),
)
def privileged(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.engine is None and pods.sidecar is None and pods.picker_container is None:
            continue
        for container in pods.containers:
            if container.privileged.value:
                yield Violation(container.privileged, f"container {container.name!r}")


@rule(
    "T902",
    "warning",
    "A claim asks for administrative access",
    why="It shares devices with whoever has them, and the API server refuses it outside of "
    "labelled namespaces.",
    evidence="resource.k8s.io/v1: adminAccess is for monitoring.",
    fix="remove adminAccess",
    example=breaks(
        "disaggregated",
        "ResourceClaimTemplate/two-gpus",
        "spec.spec.devices.requests[0].exactly.adminAccess",
        True,
    ),
)
def admin_access(topology: Topology) -> Iterator[Violation]:
    for claim in topology.claims:
        for devices in claim.choices:
            if devices.admin_access.value:
                yield Violation(devices.admin_access, "adminAccess is true")


@rule(
    "T903",
    "warning",
    "Engines share the node's network",
    why="Two engines on one node need the same side channel port: the second one never becomes "
    "ready, and its process stays alive.",
    evidence="Seen run with vLLM v0.32.0. vLLM adds the data-parallel rank alone to the port.",
    fix="remove hostNetwork, or keep two engines from one node",
    example=breaks("disaggregated", "Deployment/prefill", "spec.template.spec.hostNetwork", True),
)
def host_network(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        for pods in pool.running:
            if pods.host_network.value and not pods.keeps_apart:
                yield Violation(pods.host_network, "hostNetwork is true")
