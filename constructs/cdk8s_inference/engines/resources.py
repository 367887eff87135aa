"""What an engine's pods request by default, from the devices that they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdk8s_inference.document.model_deployment import Member
from cdk8s_inference.platform import Platform
from cdk8s_inference.pods import PodSettings
from cdk8s_inference.servers.accelerators import may_be_accelerator, may_be_accelerator_class

_CORES_PER_DEVICE = 2
_GIBIBYTES_PER_DEVICE = 8


@dataclass(frozen=True)
class DefaultResources:
    """Requests of an engine container, and the size of its pod's shared memory.

    A pod without requests is the first to be evicted from a node that runs out of memory, and its
    shared memory and page locked buffers are memory. For each device two cores, as vLLM has two
    busy processes for one (its engine, and what takes requests), and 8Gi, which the smallest
    nodes with one device have. What an engine takes besides depends on its model: where nodes are
    shared with other work, say how much.

    Attributes:
        requests: By resource.
        shared_memory: At most so much of ``/dev/shm``. Without a limit it could take half of the
            node's memory, and the kernel would end some process of it.
    """

    requests: Mapping[str, str]
    shared_memory: str


def default_resources(devices: int) -> DefaultResources:
    """What an engine with so many devices requests."""
    if not devices:
        # A simulator, or a small model on the CPU.
        return DefaultResources({"cpu": "500m", "memory": "1Gi"}, "1Gi")
    memory = f"{_GIBIBYTES_PER_DEVICE * devices}Gi"
    return DefaultResources({"cpu": str(_CORES_PER_DEVICE * devices), "memory": memory}, memory)


def plugin_devices(member: Member, settings: Sequence[PodSettings]) -> Mapping[str, int]:
    """The accelerators that each pod of a member gets of device plugins, of any vendor."""
    limits = dict(member.device_resources)
    for layer in settings:
        limits |= {name: int(amount) for name, amount in layer.extended.items()}
    return {name: count for name, count in limits.items() if may_be_accelerator(name)}


def device_count(member: Member, settings: Sequence[PodSettings], platform: Platform) -> int:
    """How many accelerators each pod of a member has, by claims and by device plugins."""
    requests = member.node_selector.devices if member.node_selector else ()
    claimed = sum(
        request.count
        for request in requests
        if may_be_accelerator_class(platform.device_class(request.name))
    )
    return claimed + sum(plugin_devices(member, settings).values())
