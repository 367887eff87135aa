"""Workloads and the pods that they make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from cdk8s_inference.findings import Path
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.claim import PodClaim
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.controller_labels import CONTROLLER_LABELS, controller_labels
from cdk8s_inference.topology.engine import Engine, engine_server
from cdk8s_inference.topology.kinds import EVERYTHING, Addition, PodKind, kind_of
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue, strings
from cdk8s_inference.topology.pod_templates import (
    FoundTemplate,
    declared_templates,
    found_templates,
)
from cdk8s_inference.topology.program import runs
from cdk8s_inference.topology.selector import Selector, label_selector
from cdk8s_inference.topology.sidecar import Sidecar

Part = Literal["pod", "leader", "follower", "gang"]
"""Which pods of a workload: its only ones; the first or the others of a gang; all of a gang."""

ROLE_LABEL = "llm-d.ai/role"

_POD_WORKLOADS = ("Deployment", "StatefulSet", "ReplicaSet", "DaemonSet")


@dataclass(frozen=True, eq=False)
class Workload:
    """Something that makes pods.

    Attributes:
        object: The object.
        at: Where its spec is; a DisaggregatedSet has one for each role.
        kind: ``Deployment``, ``LeaderWorkerSet`` and so on.
        copies: How many copies of it run.
        size: Pods of a copy; 1 unless it is a gang.
        facts: What is known of its controller, where that is one of another project's.
        adds: What its controller gives to its pods beyond their templates.
    """

    object: KubeObject
    at: Cursor
    kind: str
    copies: SourceValue[int]
    size: SourceValue[int]
    facts: PodKind | None = None
    adds: frozenset[Addition] = frozenset()

    @property
    def name(self) -> str:
        """Its name."""
        return self.object.name

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.object.namespace

    @cached_property
    def set_role(self) -> str:
        """Its role in the DisaggregatedSet that makes it; empty for any other workload."""
        if self.kind != "DisaggregatedSet":
            return ""
        return self.object.at(*self.at.path[:-1], "name").text or ""

    @cached_property
    def is_counted(self) -> bool:
        """Whether it says itself how many copies run."""
        whole = not self.is_controlled or self.at.path == self.object.at("spec").path
        return whole and self.at["replicas"].present

    @property
    def is_controlled(self) -> bool:
        """Whether a controller of another project makes its pods."""
        return self.facts is not None or bool(self.adds)

    @cached_property
    def selector(self) -> SourceValue[Selector]:
        """Which pods it takes for its own."""
        return label_selector(self.object, self.at["selector"])

    @cached_property
    def max_surge(self) -> SourceValue[int | str] | None:
        """How many pods a rollout may add, as written; None where it is not read."""
        return None if self.is_controlled else self.object.amount(self._rolling["maxSurge"])

    @cached_property
    def max_unavailable(self) -> SourceValue[int | str] | None:
        """How many pods a rollout may take away, as written; None where it is not read."""
        return None if self.is_controlled else self.object.amount(self._rolling["maxUnavailable"])

    @property
    def _rolling(self) -> Cursor:
        if self.kind == "LeaderWorkerSet":
            return self.at.at("rolloutStrategy", "rollingUpdateConfiguration")
        return self.at.at("strategy", "rollingUpdate")

    @cached_property
    def recreates(self) -> bool:
        """Whether a rollout stops all pods before it starts others."""
        return self.at.at("strategy", "type").text == "Recreate"


@dataclass(frozen=True, eq=False)
class Pods:
    """Pods of one template.

    Attributes:
        workload: What makes them.
        part: Which of its pods they are.
        at: The template.
    """

    workload: Workload
    part: Part
    at: Cursor

    @property
    def object(self) -> KubeObject:
        """The object that composes them."""
        return self.workload.object

    @property
    def here(self) -> SourceValue[str]:
        """The workload's name, as a place for what is about all of it."""
        return self.object.here

    def may_gain(self, *additions: Addition) -> bool:
        """Whether a controller may add something to them, so that its absence says nothing."""
        return not self.workload.adds.isdisjoint(additions)

    def selected_by(self, selector: Selector) -> bool:
        """Whether a selector matches them, or some of them by labels of their controller."""
        asked = selector.keys & CONTROLLER_LABELS
        if not asked:
            return selector.matches(self.labels)
        workload = self.workload
        given = controller_labels(workload.kind, workload.name, self.part, workload.set_role)
        found = {
            key: next((each for each in selector.wanted(key) if re.fullmatch(given[key], each)), "")
            for key in asked.intersection(given)
        }
        return selector.matches({**self.labels, **found})

    def may_be_selected(self, owner: KubeObject, selector: Selector) -> bool:
        """Whether an object's selector matches them with labels that a controller may add."""
        if owner.namespace != self.object.namespace or not selector:
            return False
        wanted = selector.labels.items() - self.labels.items()
        unmet = {key for key, _ in wanted}
        unmet |= {each.key for each in selector.requirements if not each.holds(self.labels)}
        return all(key not in self.labels and self.may_gain_label(key) for key in unmet)

    def may_gain_label(self, key: str) -> bool:
        """Whether a controller may give them a label."""
        facts = self.workload.facts
        if not self.may_gain("labels"):
            return False
        # Where labels are all that is added, which ones is known: names, and prefixes of such.
        known = facts is not None and facts.adds == {"labels"}
        return not known or (facts is not None and key.startswith(facts.labels))

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Their labels."""
        return strings(self.at.at("metadata", "labels"))

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        """Their annotations."""
        return strings(self.at.at("metadata", "annotations"))

    def label(self, key: str) -> SourceValue[str | None]:
        """A label, or where it would be."""
        labels = self.at.at("metadata", "labels")
        return self.object.value_at(labels[key], labels[key].text)

    @cached_property
    def role(self) -> SourceValue[str | None]:
        """The role that the picker sees."""
        return self.label(ROLE_LABEL)

    @cached_property
    def account(self) -> SourceValue[str]:
        """Their ServiceAccount, or ``default`` where it would be."""
        at = self.at.at("spec", "serviceAccountName")
        return self.object.value_at(at, at.text or "default")

    @cached_property
    def host_network(self) -> SourceValue[bool]:
        """Whether they share the node's network, and so its ports."""
        at = self.at.at("spec", "hostNetwork")
        return self.object.value_at(at, at.value is True)

    @cached_property
    def keeps_apart(self) -> bool:
        """Whether they keep away from nodes where some pods run."""
        return self.at.at("spec", "affinity", "podAntiAffinity").present

    @cached_property
    def claims(self) -> tuple[PodClaim, ...]:
        """The device claims that each of them makes."""
        items = self.at.at("spec", "resourceClaims").items()
        return tuple(PodClaim(self.object, item) for item in items)

    @cached_property
    def per_copy(self) -> int:
        """How many of them a copy of the workload has."""
        size = max(1, self.workload.size.value)
        return {"pod": 1, "leader": 1, "follower": size - 1, "gang": size}[self.part]

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """Their containers, native sidecars and init containers too."""
        spec = self.at["spec"]
        return (
            *(Container(self.object, item) for item in spec["containers"].items()),
            *(
                Container(self.object, item, stays=item["restartPolicy"].text == "Always")
                for item in spec["initContainers"].items()
            ),
        )

    @cached_property
    def staying(self) -> tuple[Container, ...]:
        """The containers that run as long as the pod."""
        return tuple(container for container in self.containers if container.stays)

    @cached_property
    def sidecar(self) -> Sidecar | None:
        """The pd-sidecar, if there is one."""
        if self.may_gain("flags"):
            return None
        for container in self.containers:
            if engine_server(container) is None and runs(container, "sidecar"):
                return Sidecar(container)
        return None

    @cached_property
    def engine(self) -> Engine | None:
        """The model server, if there is one.

        With a role or a pd-sidecar there is, known or not: the container that declares a port.
        """
        others = [
            container
            for container in self.staying
            if self.sidecar is None or container is not self.sidecar.container
        ]
        gains = self.may_gain("flags")
        for container in others:
            server = engine_server(container)
            if server is not None:
                return Engine(container, server, gains)
        if self.sidecar is None and self.role.value is None:
            return None
        unknown = [each for each in others if each.ports and not runs(each, "picker")]
        return Engine(unknown[0], None, gains) if unknown else None

    @cached_property
    def picker_container(self) -> Container | None:
        """The endpoint picker's container, if there is one."""
        if self.may_gain("flags"):
            return None
        for container in self.staying:
            if engine_server(container) is None and runs(container, "picker"):
                return container
        return None

    @cached_property
    def ports(self) -> frozenset[int]:
        """The ports that they declare."""
        return frozenset(port.value for each in self.staying for port in each.ports)


def workloads(
    objects: Iterable[KubeObject], composed: Mapping[KubeObject, Iterable[FoundTemplate]]
) -> Iterator[tuple[Workload, list[Pods]]]:
    """The workloads among objects, and their pods.

    Args:
        objects: The objects.
        composed: The templates of those from which a controller composes them.
    """
    for found in objects:
        facts = kind_of(found.group, found.kind)
        if found in composed:
            yield from _controlled(found, composed[found], facts)
        elif facts is not None:
            yield from _controlled(found, declared_templates(found, facts), facts)
        elif found.kind in _POD_WORKLOADS:
            yield _plain(found)
        elif found.kind == "LeaderWorkerSet":
            yield _gang(found, found.at("spec"))
        elif found.kind == "DisaggregatedSet":
            for role in found.at("spec", "roles").items():
                yield _gang(found, role["spec"])
        else:
            yield from _controlled(found, found_templates(found), None)


def _plain(found: KubeObject) -> tuple[Workload, list[Pods]]:
    spec = found.at("spec")
    workload = Workload(found, spec, found.kind, _count(found, spec["replicas"]), found.here.of(1))
    return workload, [Pods(workload, "pod", spec["template"])]


def _gang(found: KubeObject, spec: Cursor) -> tuple[Workload, list[Pods]]:
    template = spec["leaderWorkerTemplate"]
    size = _count(found, template["size"])
    workload = Workload(found, spec, found.kind, _count(found, spec["replicas"]), size)
    followers = template["workerTemplate"]
    if not template["leaderTemplate"].present:
        return workload, [Pods(workload, "gang" if size.value > 1 else "pod", followers)]
    leader = Pods(workload, "leader", template["leaderTemplate"])
    return workload, [leader, *([Pods(workload, "follower", followers)] if size.value > 1 else ())]


def _controlled(
    found: KubeObject, templates: Iterable[FoundTemplate], facts: PodKind | None
) -> Iterator[tuple[Workload, list[Pods]]]:
    """Workloads of a kind that a controller of another project makes pods from."""
    usual = EVERYTHING if facts is None else facts.adds
    made: dict[Path, tuple[Workload, list[Pods]]] = {}
    for template in templates:
        declared = template.declared
        others = declared.others if declared else 0
        size = _count(found, template.size)
        size = size.of(size.value + others) if template.size.present else size
        # Leader and followers of one owner are one workload.
        key = template.owner.path if others else template.at.path
        if key not in made:
            copies = _count(found, template.copies)
            adds = usual if template.adds is None else template.adds
            workload = Workload(found, template.owner, found.kind, copies, size, facts, adds)
            made[key] = (workload, [])
        workload, pods = made[key]
        part: Part = declared.part if declared and size.value > 1 else "pod"
        pods.append(Pods(workload, part, template.at))
    yield from made.values()


def _count(found: KubeObject, at: Cursor) -> SourceValue[int]:
    return found.number(at) or found.value_at(at, 1)
