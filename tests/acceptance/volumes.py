"""Model caches: the claims that pods mount, and that nobody here provides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.acceptance.cluster import Object
from tests.acceptance.workloads import workloads


def volumes_for(objects: Iterable[Object]) -> Iterator[Object]:
    """Each PersistentVolumeClaim that pods of some manifests mount, with a volume to bind to."""
    mounted = {
        (workload.namespace, volume["persistentVolumeClaim"]["claimName"])
        for workload in workloads(objects)
        for _, pod in workload.pods
        for volume in pod["spec"].get("volumes", ())
        if "persistentVolumeClaim" in volume
    }
    for namespace, name in sorted(mounted):
        modes = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        volume = f"{namespace}.{name}"
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                **modes,
                "capacity": {"storage": "1Ti"},
                "claimRef": {"namespace": namespace, "name": name},
                "hostPath": {"path": "/nowhere"},
            },
        }
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {
                **modes,
                "volumeName": volume,
                "resources": {"requests": {"storage": "1Ti"}},
            },
        }
