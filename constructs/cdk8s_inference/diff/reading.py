"""Pods that read a ConfigMap or Secret which changes, and that nothing replaces."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.diff.object_pair import Key
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import Pods

Way = Literal["environment", "files", "subPath"]


@dataclass(frozen=True)
class Reading:
    """A workload whose pods read a ConfigMap or Secret.

    Attributes:
        source: The ConfigMap or Secret.
        workload: The workload.
        ways: How they read it: into the environment when they start; as files, which the kubelet
            replaces while they run; as single files (``subPath``), which it does not.
        is_picker: Whether they run an endpoint picker, which reads its configuration at its start.
    """

    source: str
    workload: str
    ways: tuple[Way, ...]
    is_picker: bool


def readings(pods: Pods, changed: Collection[Key], *, is_picker: bool) -> Iterator[Reading]:
    """What pods read of some ConfigMaps and Secrets."""
    found: dict[tuple[str, str], set[Way]] = {}
    for kind, name, way in _read(pods):
        if ("", kind, pods.object.namespace, name) in changed:
            found.setdefault((kind, name), set()).add(way)
    for (kind, name), ways in found.items():
        source = f"{kind} {pods.object.namespace}/{name}"
        yield Reading(source, str(pods.object), tuple(sorted(ways)), is_picker)


def _read(pods: Pods) -> Iterator[tuple[str, str, Way]]:
    spec = pods.at["spec"]
    single = {
        mount["name"].text
        for container in pods.containers
        for mount in container.at["volumeMounts"].items()
        if mount["subPath"].present or mount["subPathExpr"].present
    }
    for volume in spec["volumes"].items():
        way: Way = "subPath" if volume["name"].text in single else "files"
        for at in (volume, *volume.at("projected", "sources").items()):
            for kind, name in _named(at):
                yield kind, name, way
    for container in pods.containers:
        for at in container.at["envFrom"].items():
            for kind, name in _references(at, "configMapRef", "secretRef"):
                yield kind, name, "environment"
        for variable in container.at["env"].items():
            at = variable["valueFrom"]
            for kind, name in _references(at, "configMapKeyRef", "secretKeyRef"):
                yield kind, name, "environment"


def _named(at: Cursor) -> Iterator[tuple[str, str]]:
    yield from _references(at, "configMap", "secret")
    if name := at.at("secret", "secretName").text:
        yield "Secret", name


def _references(at: Cursor, config_map: str, secret: str) -> Iterator[tuple[str, str]]:
    for key, kind in ((config_map, "ConfigMap"), (secret, "Secret")):
        if name := at.at(key, "name").text:
            yield kind, name
