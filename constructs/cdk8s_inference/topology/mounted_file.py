"""Which ConfigMap is behind a file of a container."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.kube_object import SourceValue

if TYPE_CHECKING:
    from cdk8s_inference.topology.workload import Pods


def config_map_of(
    pods: Pods, container: Container, file: str
) -> tuple[SourceValue[str], str] | None:
    """The name of the ConfigMap that holds a file, and the key; None where another volume does."""
    path = posixpath.normpath(file)
    mounts = list(container.at["volumeMounts"].items())
    mounts.sort(key=lambda mount: -len(mount["mountPath"].text or ""))
    for mount in mounts:
        base = posixpath.normpath(mount["mountPath"].text or "/-")
        sub = mount["subPath"].text
        if path != base and not path.startswith(base.rstrip("/") + "/"):
            continue
        key = sub if sub and path == base else posixpath.relpath(path, base)
        for volume in pods.at.at("spec", "volumes").items():
            if volume["name"].text == mount["name"].text:
                name = pods.object.text(volume.at("configMap", "name"))
                for item in volume.at("configMap", "items").items():
                    if item["path"].text == key:
                        key = item["key"].text or key
                return None if name is None else (name, key)
        return None
    return None
