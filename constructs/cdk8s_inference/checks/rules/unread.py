"""What a check could not read."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings.example import Edit, manifests
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.topology import Topology

_ENGINE = "spec.template.spec.containers[0]"


@rule(
    "T001",
    "note",
    "A value or an object was not read",
    why="The rules about it report nothing, whether it is right or wrong.",
    evidence="The value of a variable is known only in the pod. Objects that a controller creates "
    "are not in the manifests.",
    fix="write the value itself, or check it by hand; check the objects that the controller "
    "creates",
    example=manifests(
        "disaggregated",
        Edit("Deployment/decode", f"{_ENGINE}.args[2]", "--tensor-parallel-size=$(GPUS)"),
        Edit(
            "Deployment/decode",
            f"{_ENGINE}.env[1]",
            {"name": "GPUS", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['gpus']"}}},
        ),
    ),
)
def unread(topology: Topology) -> Iterator[Violation]:
    for each in topology.unread:
        yield Violation(each.what, each.message)
