"""A ModelDeployment document, read as the pods that it asks for, before anything is composed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue
from cdk8s_inference.topology.pool import Pool
from cdk8s_inference.topology.topology import Topology, read_topology
from cdk8s_inference.topology.workload import Part, Pods, Workload

_PARTS: dict[str | None, Part] = {"Leader": "leader", "Worker": "follower"}
_ROLES = {"Prefill": "prefill", "Decode": "decode"}


@dataclass(frozen=True, eq=False)
class _Declared(Pods):
    """Pods of a member; their role is the phase of its engine.

    Attributes:
        phase: The phase.
    """

    phase: SourceValue[str | None] = field(kw_only=True)

    @cached_property
    def role(self) -> SourceValue[str | None]:
        return self.phase.of(_ROLES.get(self.phase.value or ""))


def document_topology(document: Document) -> Topology:
    """The engines of a ModelDeployment as one pool, with no picker, sidecar or route.

    Rules about what engines are told hold of it; those about what composition adds do not.
    """
    found = KubeObject(document, Cursor(document.data))
    spec = found.at("spec")
    engines = spec["engines"] if spec["engines"].present else spec.at("template", "spec", "engines")
    pods = tuple(each for engine in engines.items() for each in _members(found, engine))
    served = tuple(each for each in pods if each.part != "follower")
    return replace(
        read_topology(()),
        objects=(found,),
        workloads=tuple({each.workload: None for each in pods}),
        pods=pods,
        pools=(Pool(found, served, None, None),),
        device_selectors=tuple(
            text
            for engine in engines.items()
            for member in engine["members"].items()
            for device in member.at("nodeSelector", "devices").items()
            for selector in device["selectors"].items()
            if (text := found.text(selector["cel"])) is not None
        ),
    )


def _members(found: KubeObject, engine: Cursor) -> Iterator[_Declared]:
    phase = found.value_at(engine["phase"], engine["phase"].text)
    members = list(engine["members"].items())
    followers = [found.number(each["nodes"]) for each in members if each["role"].text == "Worker"]
    nodes = next((each for each in followers if each is not None), None)
    size = found.here.of(len(members)) if nodes is None else nodes.of(1 + nodes.value)
    copies = found.number(engine["copies"]) or found.here.of(1)
    kind = "LeaderWorkerSet" if followers else "Deployment"
    workload = Workload(found, engine, kind, copies, size)
    for member in members:
        part = _PARTS.get(member["role"].text, "pod")
        yield _Declared(workload, part, member["template"], phase=phase)
