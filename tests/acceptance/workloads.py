"""What makes pods: Deployments and LeaderWorkerSets; and whether it has all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.acceptance.cluster import Cluster, Object, condition

_LWS_NAME = "leaderworkerset.sigs.k8s.io/name"

Images = tuple[str, ...]
"""The images of a pod's containers, in order."""


@dataclass(frozen=True)
class Workload:
    """A workload of some manifests.

    Attributes:
        kind: ``Deployment`` or ``LeaderWorkerSet``.
        namespace: Its namespace.
        name: Its name.
        selector: The labels of its pods.
        pods: How many pods it has of each template.
    """

    kind: str
    namespace: str
    name: str
    selector: Mapping[str, str]
    pods: Sequence[tuple[int, Any]]

    @property
    def claims(self) -> int:
        """How many device claims its pods have."""
        return sum(count * len(pod["spec"].get("resourceClaims", ())) for count, pod in self.pods)

    @property
    def images(self) -> Counter[Images]:
        """How many of its pods run which images."""
        wanted: Counter[Images] = Counter()
        for count, pod in self.pods:
            wanted[images(pod)] += count
        return +wanted

    def owns(self, pod: Object) -> bool:
        """Whether a pod is one of its own."""
        metadata = pod["metadata"]
        labels: Mapping[str, str] = metadata.get("labels", {})
        return metadata["namespace"] == self.namespace and self.selector.items() <= labels.items()


def workloads(objects: Iterable[Object]) -> list[Workload]:
    """The workloads among some objects."""
    return [_WORKLOADS[item["kind"]](item) for item in objects if item["kind"] in _WORKLOADS]


def images(pod: Object) -> Images:
    """The images of a pod or pod template."""
    spec = pod["spec"]
    containers = (*spec.get("initContainers", ()), *spec["containers"])
    return tuple(container["image"] for container in containers)


def unsettled(cluster: Cluster, wanted: Sequence[Workload]) -> list[str]:
    """What is still missing until each workload has the pods of its templates, and no other.

    Pods must be Ready, claims allocated to a pod that is there, and workloads Available.
    """
    namespaces = {workload.namespace for workload in wanted}
    found = [
        item
        for item in cluster.get("pods", "resourceclaims", "deployments", "leaderworkersets")
        if item["metadata"]["namespace"] in namespaces
    ]
    pods = [item for item in found if item["kind"] == "Pod"]
    missing = []
    for workload in wanted:
        own = [pod for pod in pods if workload.owns(pod)]
        ready = Counter(images(pod) for pod in own if condition(pod, "Ready"))
        if ready != workload.images or len(own) != workload.images.total():
            missing.append(
                f"{workload.kind} {workload.namespace}/{workload.name}: {ready.total()} of "
                f"{workload.images.total()} pods are Ready, {len(own)} exist: {_complaint(own)}"
            )
    for namespace in sorted(namespaces):
        claims = [
            item
            for item in found
            if item["kind"] == "ResourceClaim" and item["metadata"]["namespace"] == namespace
        ]
        allocated = sum("allocation" in claim.get("status", {}) for claim in claims)
        expected = sum(each.claims for each in wanted if each.namespace == namespace)
        if not allocated == expected == len(claims):
            missing.append(f"{namespace}: {allocated} of {expected} claims, {len(claims)} exist")
    available = {
        (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])
        for item in found
        if condition(item, "Available")
    }
    missing += [
        f"{workload.kind} {workload.namespace}/{workload.name} is not Available"
        for workload in wanted
        if (workload.kind, workload.namespace, workload.name) not in available
    ]
    return missing


def _complaint(pods: Iterable[Object]) -> str:
    messages = {
        entry.get("message", "")
        for pod in pods
        for entry in pod.get("status", {}).get("conditions", ())
        if entry["status"] != "True"
    }
    return "; ".join(sorted(messages - {""})) or "nobody says why"


def _deployment(item: Object) -> Workload:
    metadata, spec = item["metadata"], item["spec"]
    return Workload(
        item["kind"],
        metadata["namespace"],
        metadata["name"],
        spec["selector"]["matchLabels"],
        [(spec.get("replicas", 1), spec["template"])],
    )


def _leader_worker_set(item: Object) -> Workload:
    metadata, spec = item["metadata"], item["spec"]
    group, groups = spec["leaderWorkerTemplate"], spec.get("replicas", 1)
    follower = group["workerTemplate"]
    pods = [
        (groups, group.get("leaderTemplate", follower)),
        (groups * (group.get("size", 1) - 1), follower),
    ]
    selector = {_LWS_NAME: metadata["name"]}
    return Workload(item["kind"], metadata["namespace"], metadata["name"], selector, pods)


_WORKLOADS = {"Deployment": _deployment, "LeaderWorkerSet": _leader_worker_set}
