"""Secrets and ConfigMaps that containers take variables from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, shown
from cdk8s_inference.findings.example import Edit, breaks, manifests
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import KeyReference, Pods, Topology, key_references, keys_of

_DECODE = "Deployment/decode"
_VARIABLE = "spec.template.spec.containers[0].env[1]"
_TOKEN = {
    "name": "HF_TOKEN",
    "valueFrom": {"secretKeyRef": {"name": "hugging-face", "key": "HF_TOKEN"}},
}


@rule(
    "T623",
    "error",
    "A variable is taken from a key that its Secret or ConfigMap does not have",
    why="The kubelet reports CreateContainerConfigError, and the container never starts.",
    evidence="Kubernetes: a key that is not optional must exist.",
    fix="correct the key, add it to the object, or set optional: true",
    example=manifests(
        "disaggregated",
        Edit(_DECODE, _VARIABLE, _TOKEN),
        added="apiVersion: v1\nkind: Secret\nmetadata: {name: hugging-face, namespace: llm}\n"
        "stringData: {token: of-the-team}\n",
    ),
)
def absent_key(topology: Topology) -> Iterator[Violation]:
    for pods, reference in _references(topology):
        found = topology.find(reference.kind, pods.object.namespace, reference.name.value)
        if found is None or (keys := keys_of(found)) >= {reference.key.value}:
            continue
        # A Secret that a controller fills has no keys in the manifest.
        if keys:
            listed = ", ".join(sorted(keys)[:5])
            message = f"{found} has no key {shown(reference.key.value)}; it has {listed}"
            yield Violation(reference.key, message, found.here)


@rule(
    "T668",
    "error",
    "A volume takes a key that its Secret or ConfigMap does not have",
    why="The volume is never mounted: the pod stays in ContainerCreating.",
    evidence="Kubernetes: items of a volume that is not optional name keys that exist.",
    fix="correct the key, add it to the object, or set optional: true",
    example=manifests(
        "disaggregated",
        Edit(
            _DECODE,
            "spec.template.spec.volumes[1]",
            {
                "name": "certificate",
                "secret": {"secretName": "tls", "items": [{"key": "cert", "path": "tls.crt"}]},
            },
        ),
        added="apiVersion: v1\nkind: Secret\nmetadata: {name: tls, namespace: llm}\n"
        "stringData: {tls.crt: of-the-team}\n",
    ),
)
def absent_item(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        for kind, name, at in _volume_sources(pods):
            found = topology.find(kind, pods.object.namespace, name)
            keys = keys_of(found) if found is not None else frozenset()
            for item in at["items"].items() if at["optional"].value is not True else ():
                key = item["key"]
                if found is not None and keys and key.text is not None and key.text not in keys:
                    yield Violation(
                        pods.object.value_at(key, key.text),
                        f"{found} has no key {shown(key.text)}; it has "
                        f"{', '.join(sorted(keys)[:5])}",
                        found.here,
                    )


def _volume_sources(pods: Pods) -> Iterator[tuple[str, str, Cursor]]:
    """Secrets and ConfigMaps that volumes are of: kind, name, and where they are named."""
    for volume in pods.at.at("spec", "volumes").items():
        for at in (volume, *volume.at("projected", "sources").items()):
            yield "ConfigMap", at.at("configMap", "name").text or "", at["configMap"]
            own, of_projected = at.at("secret", "secretName"), at.at("secret", "name")
            yield "Secret", own.text or of_projected.text or "", at["secret"]


@rule(
    "T624",
    "warning",
    "A Secret or ConfigMap that a variable needs was not read",
    why="Unless it is in the cluster already, the kubelet reports CreateContainerConfigError, and "
    "the container does not start.",
    evidence="Kubernetes: a reference that is not optional must resolve.",
    fix="create it before the pods, check it together with them, or set optional: true",
    example=breaks("disaggregated", _DECODE, _VARIABLE, _TOKEN),
)
def absent_object(topology: Topology) -> Iterator[Violation]:
    needed: dict[tuple[str, str, str], list[KeyReference]] = defaultdict(list)
    for pods, reference in _references(topology):
        name, namespace = reference.name.value, pods.object.namespace
        # What an app composes is never all that its cluster has.
        if reference.name.object.document.file is None:
            continue
        if topology.find(reference.kind, namespace, name) is None and "$" not in name:
            needed[reference.kind, namespace, name].append(reference)
    for (kind, namespace, name), references in needed.items():
        count = f" by {len(references)} containers" if len(references) > 1 else ""
        related = references[1].name if len(references) > 1 else None
        message = f"{kind} {namespace}/{name} is needed{count}, and was not read"
        yield Violation(references[0].name, message, related)


def _references(topology: Topology) -> Iterator[tuple[Pods, KeyReference]]:
    for pods in topology.pods:
        for container in pods.containers:
            for reference in key_references(container):
                yield pods, reference
