"""Network interfaces that collective communication is told to use."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, shown
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.topology import Topology

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
