"""Volumes that several pods share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.topology import Pods, SourceValue, Topology

_CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: weights, namespace: llm}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 100Gi}}
"""
_VOLUME = {"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}


@rule(
    "T625",
    "warning",
    "Pods of several nodes share a volume that one node can mount",
    why="The volume attaches to the first pod's node. Pods on other nodes stay in "
    "ContainerCreating with a Multi-Attach error, or wait for a node that has no devices left.",
    evidence="Kubernetes: ReadWriteOnce allows one node, ReadWriteOncePod one pod.",
    fix="use a storage class with ReadWriteMany or ReadOnlyMany, or a volume for each pod",
    example=manifests(
        "disaggregated",
        Edit("Deployment/decode", "spec.template.spec.volumes[1]", _VOLUME),
        added=_CLAIM,
    ),
)
def shared_by_nodes(topology: Topology) -> Iterator[Violation]:
    users: dict[tuple[str, str], list[tuple[Pods, SourceValue[str]]]] = defaultdict(list)
    for pods in topology.pods:
        for volume in pods.at.at("spec", "volumes").items():
            name = pods.object.text(volume.at("persistentVolumeClaim", "claimName"))
            if name is not None:
                users[pods.object.namespace, name.value].append((pods, name))
    for (namespace, claimed), mounts in users.items():
        claim = topology.find("PersistentVolumeClaim", namespace, claimed)
        if claim is None:
            continue
        modes = claim.at("spec", "accessModes").strings
        count = sum(pods.per_copy * max(0, pods.workload.copies.value) for pods, _ in mounts)
        if count > 1 and modes and set(modes) <= {"ReadWriteOnce", "ReadWriteOncePod"}:
            at = claim.at("spec", "accessModes")
            yield Violation(
                mounts[0][1],
                f"{count} pods mount {claim}, whose access mode is {', '.join(modes)}",
                claim.value_at(at, None),
            )
