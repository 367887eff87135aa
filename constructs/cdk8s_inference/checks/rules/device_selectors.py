"""The CEL expressions by which devices are selected."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import Topology


@rule(
    "T710",
    "error",
    "A device selector does not compile, or is neither true nor false",
    why="The API server refuses the claim, or the scheduler stops allocating devices for it: the "
    "pod stays pending.",
    evidence="CELDeviceSelector of resource.k8s.io/v1: any result other than true or false is an "
    "error, and aborts the allocation.",
    fix="correct the expression",
    example=breaks(
        "disaggregated",
        "ResourceClaimTemplate/two-gpus",
        "spec.spec.devices.requests[0].exactly.selectors",
        [{"cel": {"expression": 'device.attribute["gpu.nvidia.com"].architecture == "Hopper"'}}],
    ),
)
def does_not_compile(topology: Topology) -> Iterator[Violation]:
    for selector in topology.device_selectors:
        if has_placeholder(selector.value):
            continue
        # The parser is imported where there is something to parse.
        from cdk8s_inference.cel import selector_problem

        problem = selector_problem(selector.value)
        if problem is not None:
            yield Violation(selector, f"{selector.value!r:.200} selects no device: {problem}")
