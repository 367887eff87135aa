"""Nodes that nobody runs, with devices that nobody built, for the scheduler to choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.acceptance.cluster import Object
from tests.acceptance.workloads import workloads

_PLAIN_NODES = 2
_ROOM = {"cpu": "192", "memory": "2Ti", "pods": "250"}
_SPARE = 12
_GPUS = 8
_NETWORK_CARDS = 16

_GPU = {
    "attributes": {
        "architecture": {"string": "Hopper"},
        "cudaComputeCapability": {"version": "9.0.0"},
        "productName": {"string": "NVIDIA H200"},
        "type": {"string": "gpu"},
    },
    # What an H200 reports, which is less than the 141 GB on its box.
    "capacity": {"memory": {"value": "143771Mi"}},
}
_DEVICES: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "gpu.nvidia.com": (_GPUS, _GPU),
    "gpu.example.com": (_GPUS, _GPU),
    "dra.net": (_NETWORK_CARDS, {"attributes": {"rdma": {"bool": True}}}),
}
"""By driver: how many devices a node has, and what they say of themselves."""

_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def nodes_for(objects: Iterable[Object]) -> Iterator[Object]:
    """Nodes on which all pods of some manifests fit, and some more while they change.

    Each pod that claims devices has a node to itself.
    """
    wanted: Counter[tuple[tuple[str, str], ...]] = Counter()
    for workload in workloads(objects):
        for count, template in workload.pods:
            if template["spec"].get("resourceClaims"):
                wanted[tuple(sorted(template["spec"].get("nodeSelector", {}).items()))] += count
    yield from device_classes()
    yield from nodes(_PLAIN_NODES, {}, prefix="plain", gpus=False)
    for index, (labels, count) in enumerate(sorted(wanted.items())):
        yield from nodes(count + _SPARE, dict(labels), prefix=f"gpus-{index}", gpus=True)


def device_classes() -> Iterator[Object]:
    """A DeviceClass for each driver, with the driver's name."""
    for driver in _DEVICES:
        cel = {"cel": {"expression": f'device.driver == "{driver}"'}}
        yield {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "DeviceClass",
            "metadata": {"name": driver},
            "spec": {"selectors": [cel]},
        }


def nodes(count: int, labels: Mapping[str, str], *, prefix: str, gpus: bool) -> Iterator[Object]:
    """Nodes, and with GPUs what their drivers say they have."""
    for index in range(count):
        name = f"{prefix}-{index}"
        yield node(name, labels, gpus=gpus)
        if gpus:
            yield from (_slice(name, driver) for driver in _DEVICES)


def node(
    name: str, labels: Mapping[str, str], *, gpus: bool = False, room: Mapping[str, str] = _ROOM
) -> Object:
    """A node with some room, and the taint of nodes with GPUs."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": {"taints": [_TAINT]} if gpus else {},
        "status": {"capacity": dict(room), "allocatable": dict(room)},
    }


def _slice(node: str, driver: str) -> Object:
    count, device = _DEVICES[driver]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node}-{driver}"},
        "spec": {
            "driver": driver,
            "nodeName": node,
            "pool": {"name": f"{node}-{driver}", "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": f"device-{index}", **device} for index in range(count)],
        },
    }
