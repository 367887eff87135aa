"""The API group of the InferencePool that an endpoint picker reads."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import Picker, Pool, Topology

_ARGS = "spec.template.spec.containers[0].args"
_GROUP_FLAG = "--pool-group=inference.networking.x-k8s.io"


@rule(
    "T427",
    "error",
    "The picker reads pools of another API group",
    why="It finds no pool, never gets ready, and every request fails.",
    evidence="Read in the sources of the Inference Extension: before v1.0 its picker watches "
    "inference.networking.x-k8s.io alone, from v1.0 to v1.4 the group of --pool-group, and from "
    "v1.5 on, as every release of llm-d's router here, inference.networking.k8s.io alone.",
    fix="give --pool-group the group of the InferencePool, or run a release that reads that group",
    example=breaks("inference-extension", "Deployment/qwen-epp", f"{_ARGS}[2]", _GROUP_FLAG),
)
def other_group(topology: Topology) -> Iterator[Violation]:
    for pool, picker in _picked(topology):
        reads = picker.pool_group
        if reads.value == pool.object.group or _has_twin(topology, pool, reads.value):
            continue
        if reads.value is None:
            known = " and ".join(picker.release.picker.pool_groups)
            message = f"{picker.release.title} knows pools of {known} alone"
        else:
            message = (
                f"{picker.release.title} looks for the pool in group {reads.value}, and "
                f"{pool.object} is of {pool.object.group}"
            )
        at = reads if "pool-group" in picker.flags else picker.container.image
        yield Violation(at, message, pool.here, severity=picker.assumed_severity)


@rule(
    "T428",
    "warning",
    "The picker's pool group is not that of its pool",
    why="It picks all the same, and passes over the InferenceObjectives and "
    "InferenceModelRewrites that refer to the pool: their priorities and names change nothing.",
    evidence="Read in the sources of llm-d's router v0.8.0 to v0.10.0: the pool is watched in "
    "inference.networking.k8s.io alone, and --pool-group is compared with poolRef.group.",
    fix="remove --pool-group, or give it the group of the InferencePool",
    example=breaks("disaggregated", "Deployment/qwen-epp", f"{_ARGS}[3]", _GROUP_FLAG),
)
def group_of_objectives(topology: Topology) -> Iterator[Violation]:
    for pool, picker in _picked(topology):
        asked = picker.flag("pool-group")
        if picker.pool_group.value == pool.object.group and asked.value != pool.object.group:
            yield Violation(
                asked,
                f"--pool-group is {asked.value}, and {pool.object} is of {pool.object.group}",
                pool.here,
                severity=picker.assumed_severity,
            )


def _picked(topology: Topology) -> Iterator[tuple[Pool, Picker]]:
    """Each pool with the picker that is to read it, and says of which group."""
    for pool in topology.inference_pools:
        picker = pool.picker
        if picker is None or "endpoint-selector" in picker.flags:
            continue
        if not has_placeholder(picker.flag("pool-group").value):
            yield pool, picker


def _has_twin(topology: Topology, pool: Pool, group: str | None) -> bool:
    """Whether the picker finds the pool by its other group, as while moving from one to another."""
    return any(
        each.object.group == group
        and (each.object.namespace, each.object.name) == (pool.object.namespace, pool.object.name)
        for each in topology.inference_pools
    )
