"""Network interfaces that collective communication is told to use."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, shown
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import Pods, Topology

_BY_NAME = ("GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME")


@rule(
    "T622",
    "error",
    "Gloo is given an interface in NCCL's syntax",
    why="Gloo takes names of interfaces alone. It looks for one of this name, finds none, and the "
    "engine exits when it sets up its process groups.",
    evidence="PyTorch's ProcessGroupGloo splits GLOO_SOCKET_IFNAME at commas and looks each up; ^ "
    "(all but) and = (exactly) are of NCCL_SOCKET_IFNAME.",
    fix="name the interface, such as eth0, or leave the variable out",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        "spec.template.spec.containers[0].env[1]",
        {"name": "GLOO_SOCKET_IFNAME", "value": "^lo,docker0"},
    ),
)
def gloo_interface(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        for container in pods.containers:
            for name in _BY_NAME:
                value = container.environment.get(name)
                if value is not None and value.value and value.value.startswith(("^", "=")):
                    yield Violation(value, f"{name} is {shown(value.value)}")


_EVERYWHERE = ("eth0", "lo")
"""The interfaces of a pod on the cluster's network: the container runtime names the one that the
network plugin adds eth0."""

_MORE_NETWORKS = ("networks", "interfaces")
"""Parts of annotations that give a pod more interfaces: Multus' and GKE's."""


@rule(
    "T664",
    "warning",
    "Collective communication is told of an interface that the pod does not have",
    why="NCCL finds no interface of that name, or Gloo cannot look it up: the engine exits when "
    "its processes connect.",
    evidence="Kubernetes: a pod that is not on the host network has lo and eth0, and others only "
    "by annotations or claims of network devices. NCCL_SOCKET_IFNAME takes the starts of names.",
    fix="name eth0, or leave the variable out; with hostNetwork: true name the node's interface",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        "spec.template.spec.containers[0].env[1]",
        {"name": "NCCL_SOCKET_IFNAME", "value": "ens5"},
    ),
)
def absent_interface(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.host_network.value or _has_more_networks(topology, pods):
            continue
        for container in pods.containers:
            for name in (*_BY_NAME, "NCCL_SOCKET_IFNAME"):
                value = container.environment.get(name)
                text = value.value if value is not None else None
                if value is None or not text or has_placeholder(text) or text.startswith("^"):
                    continue
                named = [each.strip().partition(":")[0] for each in text.lstrip("=").split(",")]
                exact = text.startswith("=") or name in _BY_NAME
                if not any(_is_there(each, exact=exact) for each in named):
                    yield Violation(value, f"{name} is {shown(text)}; the pod has eth0 and lo")


def _is_there(name: str, *, exact: bool) -> bool:
    return any(each == name if exact else each.startswith(name) for each in _EVERYWHERE)


def _has_more_networks(topology: Topology, pods: Pods) -> bool:
    """Whether something may give pods another interface than the cluster's network does."""
    if pods.may_gain("environment", "devices") or pods.workload.is_controlled:
        return True
    if any(part in key for key in pods.annotations for part in _MORE_NETWORKS):
        return True
    claims = [topology.claim(each) for each in pods.claims if not topology.is_channel(each)]
    return any(
        claim is None or not all(claim.gives_accelerators(each.name) for each in claim.requests)
        for claim in claims
    )
