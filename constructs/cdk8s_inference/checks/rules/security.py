"""Privileges that serving pods do not need: privileged, adminAccess, hostNetwork."""

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
    why="An attacker who compromises the container has full access to the node.",
    evidence="Pod Security Standards. Device claims and device plugins give access to devices "
    "without it; RDMA needs only the capability IPC_LOCK.",
    fix="remove privileged, and add the capabilities that the container needs",
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
                yield Violation(container.privileged, f"container {container.name!r} is privileged")


@rule(
    "T902",
    "warning",
    "A device request sets adminAccess",
    why="The devices are not allocated exclusively: other claims use them at the same time. The "
    "API server rejects the claim in namespaces without the label "
    "resource.kubernetes.io/admin-access.",
    evidence="The API reference of resource.k8s.io/v1: adminAccess is for monitoring and "
    "management of devices.",
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
    "Engines use the host network",
    why="Two engines on one node use the same side channel port: the second one does not become "
    "ready, and its process does not exit.",
    evidence="Seen run with vLLM v0.32.0. vLLM adds only the data-parallel rank to the port.",
    fix="remove hostNetwork, or add a podAntiAffinity that allows one engine on each node",
    example=breaks("disaggregated", "Deployment/prefill", "spec.template.spec.hostNetwork", True),
)
def host_network(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        for pods in pool.running:
            if pods.host_network.value and not pods.keeps_apart:
                yield Violation(pods.host_network, "hostNetwork is true")
