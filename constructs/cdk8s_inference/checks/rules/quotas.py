"""ResourceQuotas: pods that the API server does not create."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.quantity import quantity
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import Container, KubeObject, Pods, Topology

_STATED = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}
"""What every container must state where a quota counts it."""

_QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {{name: team, namespace: llm}}
spec: {{hard: {{{key}: {amount}}}}}
"""


def _quotas(topology: Topology) -> Iterator[tuple[KubeObject, list[Pods]]]:
    """Each quota that counts all pods of its namespace, with those of which all was read."""
    for quota in topology.of_kind("ResourceQuota"):
        spec = quota.at("spec")
        if spec["scopes"].present or spec["scopeSelector"].present:
            continue
        yield (
            quota,
            [
                pods
                for pods in topology.pods
                if pods.object.namespace == quota.namespace and not pods.workload.is_controlled
            ],
        )


@rule(
    "T811",
    "error",
    "A container does not state what a ResourceQuota counts",
    why="The API server refuses to create the pods, and the workload stays without any.",
    evidence="Kubernetes, resource quotas: where cpu or memory is counted, each container must "
    "state it. A LimitRange adds defaults: where none of the namespace was read, this is a "
    "warning.",
    fix="add the request or limit to the container, or a LimitRange with defaults to the namespace",
    example=manifests(
        "disaggregated",
        added=_QUOTA.format(key="requests.memory", amount="400Gi")
        + """\
---
apiVersion: v1
kind: LimitRange
metadata: {name: team, namespace: llm}
spec: {limits: [{type: Container, defaultRequest: {cpu: 1}}]}
""",
    ),
)
def unstated(topology: Topology) -> Iterator[Violation]:
    for quota, counted in _quotas(topology):
        ranges = [
            each for each in topology.of_kind("LimitRange") if each.namespace == quota.namespace
        ]
        defaults = set(_defaults(ranges))
        wanted = {
            key: amount
            for key, _ in quota.at("spec", "hard").fields()
            if (amount := _STATED.get(key)) is not None and amount not in defaults
        }
        for pods in counted:
            if pods.at.at("spec", "resources").present:
                continue  # Of the whole pod, instead of its containers.
            for container in pods.containers:
                missing = [key for key, amount in wanted.items() if not _states(container, *amount)]
                if missing:
                    at = quota.at("spec", "hard", missing[0])
                    yield Violation(
                        container.here,
                        f"container {container.name!r} does not state {', '.join(missing)}, which "
                        f"{quota} counts",
                        quota.value_at(at, missing[0]),
                        severity=None if ranges or topology.complete else "warning",
                    )
                    break


def _states(container: Container, group: str, resource: str) -> bool:
    resources = container.at["resources"]
    # A limit is the request too, where that is left out.
    groups = ("requests", "limits") if group == "requests" else (group,)
    return any(resources.at(each, resource).present for each in groups)


def _defaults(ranges: Iterable[KubeObject]) -> Iterator[tuple[str, str]]:
    """What LimitRanges give to containers that do not state it."""
    for each in ranges:
        for limit in each.at("spec", "limits").items():
            if limit["type"].text != "Container":
                continue
            for field in ("default", "max"):
                for resource, _ in limit[field].fields():
                    yield "limits", resource
                    yield "requests", resource
            for field in ("defaultRequest", "min"):
                for resource, _ in limit[field].fields():
                    yield "requests", resource


@rule(
    "T812",
    "error",
    "Workloads ask for more devices than their ResourceQuota allows",
    why="The API server creates only as many pods as the quota allows. Where all pods of a phase "
    "are refused, nothing is disaggregated.",
    evidence="Kubernetes, resource quotas for extended resources, such as requests.nvidia.com/gpu.",
    fix="raise the quota, or run fewer copies",
    example=manifests("sglang", added=_QUOTA.format(key="requests.nvidia.com/gpu", amount="1")),
)
def exceeded(topology: Topology) -> Iterator[Violation]:
    for quota, counted in _quotas(topology):
        for key, at in quota.at("spec", "hard").fields():
            resource, allowed = key.removeprefix("requests."), quantity(at.value)
            if resource == key or "/" not in resource or allowed is None:
                continue
            asked: dict[KubeObject, Decimal] = defaultdict(Decimal)
            for pods in counted:
                copies = pods.workload.copies.value * pods.per_copy
                asked[pods.object] += copies * sum(
                    _requested(container.at["resources"], resource) for container in pods.staying
                )
            # The same name in two files is one object twice, or alternatives: T611.
            workloads = {(each.kind, each.name): each for each in asked}.values()
            total = sum(asked[each] for each in workloads)
            if total > allowed:
                largest = max(workloads, key=lambda each: asked[each])
                yield Violation(
                    quota.value_at(at, str(at.value)),
                    f"{quota} allows {allowed:f} of {resource}, and workloads of its namespace ask "
                    f"for {total:f}, {largest} for {asked[largest]:f}",
                    largest.here,
                )


def _requested(resources: Cursor, resource: str) -> Decimal:
    written = (resources.at(group, resource).value for group in ("requests", "limits"))
    return next((found for each in written if (found := quantity(each)) is not None), Decimal(0))
