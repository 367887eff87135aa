"""Privileges that serving pods do not need: privileged, adminAccess, hostNetwork."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import Edit, breaks, manifests
from cdk8s_inference.topology import Pods, Topology

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
    "Engines on the host network may take the same port of a node",
    why="The second engine on a node does not become ready, and its process does not exit.",
    evidence="Seen run with vLLM v0.32.0: it adds only the data-parallel rank to the port of its "
    "side channel. The scheduler keeps pods on the host network apart by the ports that their "
    "containers declare, and by no others.",
    fix="remove hostNetwork, declare every port that is listened on, or add a podAntiAffinity that "
    "allows one engine on each node",
    example=manifests(
        "disaggregated",
        Edit("Deployment/prefill", "spec.template.spec.hostNetwork", True),
        Edit("Deployment/prefill", f"{_ENGINE}.ports", []),
        Edit("Deployment/prefill", f"{_ENGINE}.startupProbe.httpGet.port", 8000),
        Edit("Deployment/prefill", f"{_ENGINE}.readinessProbe.httpGet.port", 8000),
    ),
)
def host_network(topology: Topology) -> Iterator[Violation]:
    sharing = [
        pods
        for pods in topology.serving
        if pods.host_network.value and not pods.keeps_apart and not pods.may_gain("ports", "flags")
    ]
    for index, pods in enumerate(sharing):
        copies = pods.workload.copies.value * pods.per_copy
        for other in sharing[index if copies > 1 else index + 1 :]:
            taken = _taken(pods) & _taken(other)
            if taken and not pods.ports & other.ports:
                which = "another of its pods" if other is pods else str(other.object)
                yield Violation(
                    pods.host_network,
                    f"{pods.object} takes {', '.join(map(str, sorted(taken)))} of its node, as "
                    f"{which} does",
                    None if other is pods else other.host_network,
                )
                break


def _taken(pods: Pods) -> set[int]:
    """The ports of a node that pods on its network take."""
    engine, sidecar = pods.engine, pods.sidecar
    assert engine is not None
    ranks = engine.local_ranks.value if engine.local_ranks else 1
    sockets = [port for socket in engine.sockets for port in socket.ports(ranks)]
    return {*sockets, *engine.ports, *(sidecar.ports if sidecar else ())}
