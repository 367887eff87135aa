"""A ModelDeployment document, read as the pods that it asks for, before anything is composed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology.claim import total
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue, Unread
from cdk8s_inference.topology.pool import Pool, pool_endpoints
from cdk8s_inference.topology.topology import Topology, read_topology
from cdk8s_inference.topology.workload import Part, Pods, Workload

_PARTS: dict[str | None, Part] = {"Leader": "leader", "Worker": "follower"}
_ROLES = {"Prefill": "prefill", "Decode": "decode"}

Complete = Callable[[Cursor, Cursor], Mapping[str, Any]]
"""The pod template that is composed from a member of an engine, as far as rules read it."""


@dataclass(frozen=True, eq=False)
class _DocumentPods(Pods):
    """Pods of a member; their role is the phase of its engine.

    Attributes:
        phase: The phase.
        devices: The device requests of the member.
    """

    phase: SourceValue[str | None] = field(kw_only=True)
    devices: Cursor = field(kw_only=True)

    @cached_property
    def role(self) -> SourceValue[str | None]:
        return self.phase.of(_ROLES.get(self.phase.value or ""))


@dataclass(frozen=True, eq=False)
class _DocumentPool(Pool):
    """The engines of a document; its serving mode says whether they are disaggregated."""

    @cached_property
    def disaggregates(self) -> SourceValue[str] | None:
        for pods in self.members:
            if pods.role.value is not None:
                return pods.role.of(f"phase {pods.role.value}")
        return None


@dataclass(frozen=True, eq=False)
class _DocumentTopology(Topology):
    """As composed, but that devices are counted where the document requests them.

    Attributes:
        pooled: Whether a pool is composed, and not a Service.
    """

    pooled: bool = field(kw_only=True)

    @cached_property
    def unread(self) -> list[Unread]:
        places = set() if self.pooled else {pods.here.place for pods in self.pods}
        return [each for each in super().unread if each.what.place not in places]

    def devices(self, pods: Pods, container: Container) -> SourceValue[int] | None:
        if not isinstance(pods, _DocumentPods):
            return None
        found = pods.object
        requests = pods.devices.items()
        return total([found.number(each["count"]) or found.value_at(each, 1) for each in requests])

    def gets_accelerator(self, pods: Pods, container: Container) -> bool:
        return isinstance(pods, _DocumentPods) and any(pods.devices.items())

    def asks_for_one_kind(self, pods: Pods, container: Container) -> bool:
        return isinstance(pods, _DocumentPods) and len(list(pods.devices.items())) == 1


def document_topology(document: Document, complete: Complete, *, pooled: bool) -> Topology:
    """The engines of a ModelDeployment as one pool, with no picker, sidecar or route.

    Rules about what engines are told hold of it; those about other objects do not. What
    composition adds to a pod has the place of what it is added to.

    Args:
        document: A valid document.
        complete: What is composed from a member.
        pooled: Whether a pool is composed, and not a Service.
    """
    found = KubeObject(document, Cursor(document.data, (), document))
    spec = found.at("spec")
    engines = spec["engines"] if spec["engines"].present else spec.at("template", "spec", "engines")
    pods = tuple(each for engine in engines.items() for each in _pods(found, engine, complete))
    served = tuple(each for each in pods if each.part != "follower")
    parts: dict[str, Any] = {
        "pooled": pooled,
        "objects": (found,),
        "workloads": tuple({each.workload: None for each in pods}),
        "pods": pods,
        "pools": (_DocumentPool(found, pool_endpoints(found), served, None, None),),
        "device_selectors": tuple(
            text
            for engine in engines.items()
            for member in engine["members"].items()
            for device in member.at("nodeSelector", "devices").items()
            for selector in device["selectors"].items()
            if (text := found.text(selector["cel"])) is not None
        ),
    }
    nothing = read_topology(())
    others = {each.name: getattr(nothing, each.name) for each in fields(nothing)}
    return _DocumentTopology(**{**others, **parts})


def _pods(found: KubeObject, engine: Cursor, complete: Complete) -> Iterator[_DocumentPods]:
    phase = found.value_at(engine["phase"], engine["phase"].text)
    members = list(engine["members"].items())
    workers = [member for member in members if member["role"].text == "Worker"]
    nodes = [found.number(worker.at("worker", "nodes")) for worker in workers]
    size = found.here.of(1)
    if workers:
        size = nodes[0].of(1 + nodes[0].value) if nodes[0] else found.here.of(2)
    copies = found.number(engine["copies"]) or found.here.of(1)
    kind = "LeaderWorkerSet" if workers else "Deployment"
    workload = Workload(found, engine, kind, copies, size)
    for member in members:
        written = member["template"]
        template = Cursor(complete(engine, member), written.path, written.document)
        yield _DocumentPods(
            workload,
            _PARTS.get(member["role"].text, "pod"),
            template,
            phase=phase,
            devices=member.at("nodeSelector", "devices"),
        )
