"""Manifests before and after a change: everything that is to say about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cdk8s_inference.diff.field_change import FieldChange, field_changes
from cdk8s_inference.diff.immutable import immutable_changes
from cdk8s_inference.diff.mixed_state import Identity, mixed_states
from cdk8s_inference.diff.model_change import ModelChange, model_pairs
from cdk8s_inference.diff.object_pair import ObjectPair, key_of, object_pairs
from cdk8s_inference.diff.reading import Reading, readings
from cdk8s_inference.diff.rollout import rollout_of
from cdk8s_inference.diff.traffic import ServiceChange, listener_changes, traffic_between
from cdk8s_inference.diff.workload_change import Copies, WorkloadChange, rolling_causes
from cdk8s_inference.findings import Finding, Path
from cdk8s_inference.findings.identity import identity
from cdk8s_inference.topology import (
    KubeObject,
    Picker,
    Pods,
    ServedEngine,
    ServedModel,
    Topology,
    Workload,
)

_Everywhere = tuple[Mapping[Any, Any], Mapping[Any, Any]]
"""Engines and pickers of all served models, before and after, by their pair of objects."""


@dataclass(frozen=True)
class Refusal:
    """A change that the API server refuses, so that the object is deleted and made again.

    Attributes:
        object: The object.
        change: What it refuses.
        source: Where that is from.
        users: For a claim template the engines whose pods were made from it: they keep what they
            have.
    """

    object: str
    change: FieldChange
    source: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Manifests before and after a change.

    Attributes:
        old: Before.
        new: After.
        pairs: Which object is which.
        changes: What differs of each pair; what the server would set anyway is marked.
        models: What becomes of the served models; those that nothing becomes of are left out.
        others: What becomes of other workloads.
        refused: The changes that the API server refuses.
        readings: Pods that read a ConfigMap or Secret which changes, and are not replaced.
        appear: Findings that are new.
        gone: Findings that are no longer there.
    """

    old: Topology
    new: Topology
    pairs: tuple[ObjectPair, ...]
    changes: Mapping[ObjectPair, Sequence[FieldChange]]
    models: tuple[ModelChange, ...]
    others: tuple[WorkloadChange, ...]
    refused: tuple[Refusal, ...]
    readings: tuple[Reading, ...]
    appear: tuple[Finding, ...]
    gone: tuple[Finding, ...]

    @property
    def workloads(self) -> tuple[WorkloadChange, ...]:
        """What becomes of every workload, each once."""
        found = {
            each.name: each for model in self.models for each in model.workloads if each.is_touched
        }
        return (*found.values(), *self.others)

    @property
    def restarts(self) -> bool:
        """Whether a pod that runs is replaced or stops."""
        return any(each.is_disturbed for each in self.workloads)

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        one_sided = any(pair.old is None or pair.new is None for pair in self.pairs)
        renamed = any(pair.renamed for pair in self.pairs)
        changed = one_sided or renamed or any(self.changes.values())
        return not (changed or self.appear or self.gone)


def compared(
    old: Topology,
    new: Topology,
    old_findings: Sequence[Finding] = (),
    new_findings: Sequence[Finding] = (),
) -> Comparison:
    """What a change of manifests does.

    Args:
        old: Before.
        new: After.
        old_findings: What is wrong before.
        new_findings: What is wrong after.
    """
    return _Compared(old, new, old_findings, new_findings).comparison()


class _Compared:
    def __init__(
        self,
        old: Topology,
        new: Topology,
        old_findings: Sequence[Finding],
        new_findings: Sequence[Finding],
    ) -> None:
        self.old, self.new = old, new
        self.findings = (old_findings, new_findings)
        self.pairs = object_pairs(old.objects, new.objects)
        self.by_old = {pair.old: pair for pair in self.pairs if pair.old}
        self.by_new = {pair.new: pair for pair in self.pairs if pair.new}
        self.changes = {
            pair: field_changes(_data(pair.old), _data(pair.new))
            for pair in self.pairs
            if pair.old and pair.new and not pair.renamed
        }
        self.refused_by = {pair: list(self._refused(pair)) for pair in self.changes}
        self.known = {_identity(each) for findings in self.findings for each in findings}

    def comparison(self) -> Comparison:
        models = list(self._models())
        changed = [each for each in models if each.is_changed]
        appear, gone = self._findings()
        return Comparison(
            self.old,
            self.new,
            tuple(self.pairs),
            self.changes,
            tuple(changed),
            tuple(each for each in self._others() if each.is_touched),
            tuple(self._refusals(models)),
            tuple(self._readings()),
            appear,
            gone,
        )

    def _refused(self, pair: ObjectPair) -> Iterator[tuple[FieldChange, str]]:
        found, data = pair.either, _data(pair.old)
        return immutable_changes(found.group, found.kind, self.changes[pair], data)

    def _refusals(self, models: Sequence[ModelChange]) -> Iterator[Refusal]:
        for pair, refused in self.refused_by.items():
            users = tuple(
                f"{engine.object}"
                for model in self._new_models
                for engine in model.engines
                if any(claim.object is pair.new for claim in engine.claims)
            )
            for change, source in refused:
                yield Refusal(str(pair.either), change, source, users)

    def _models(self) -> Iterator[ModelChange]:
        self._old_models = list(self.old.served_models)
        self._new_models = list(self.new.served_models)
        self._told: set[int] = set()
        self._services = [
            {by.get(each.object): each for each in topology.services}
            for by, topology in ((self.by_old, self.old), (self.by_new, self.new))
        ]
        self._everywhere = (
            self._by_pair(self.by_old, self.old, self._old_models),
            self._by_pair(self.by_new, self.new, self._new_models),
        )
        for old, new in model_pairs(self._old_models, self._new_models, self.pairs):
            yield self._model(old, new)

    def _model(self, old: ServedModel | None, new: ServedModel | None) -> ModelChange:
        either = new or old
        assert either is not None
        engines = tuple(
            self._engine(one, other)
            for one, other in self._workload_pairs(
                old.engines if old else (),
                new.engines if new else (),
                _engine_key,
                self._everywhere,
            )
        )
        pickers = tuple(
            self._picker(one, other)
            for one, other in self._workload_pairs(
                old.pickers if old else (),
                new.pickers if new else (),
                _picker_key,
                self._everywhere,
            )
        )
        traffic = traffic_between(
            old.routes if old else (),
            new.routes if new else (),
            all_old=self.old.routes,
            all_new=self.new.routes,
        )
        if old is not None and new is not None:
            traffic = replace(
                traffic,
                listeners=listener_changes(old.gateways, self.new.gateways),
                services=tuple(self._service_changes(old, new)),
            )
        change = ModelChange(str(either), either.served_names, old, new, engines, pickers, traffic)
        if old is None or new is None:
            return change
        leaving = [
            each
            for each in old.engines
            if (pair := self.by_old.get(each.object)) and pair.new is None
        ]
        stay = [each for each in leaving if _still_selects(old, new, each.pods[0])]
        change = replace(change, stay=tuple(map(_name, stay)))
        if old.pool is None or new.pool is None:
            return change
        if key_of(old.pool.object) != key_of(new.pool.object):
            return change  # Another pool than that of the old pods: there is one for each.
        touched = {each.name for each in change.engines if each.restarts != 0 and each.old}
        rolls = [each.object for each in new.engines if str(each.object) in touched
                 or f"{each.object}/{each.part}" in touched]  # fmt: skip
        selector = new.pool.selector.value
        lost = tuple(
            _name(each)
            for each in old.engines
            if each.pods[0] in old.pool.members and not each.pods[0].selected_by(selector)
        )
        kept = [each.object for each in stay] if any(each.old is None for each in engines) else []
        mixed = tuple(mixed_states(old, new, rolls, kept, self.known))
        return replace(change, mixed=mixed, unselected=lost)

    def _by_pair(
        self, pairs: Mapping[KubeObject, ObjectPair], topology: Topology, models: list[ServedModel]
    ) -> Mapping[tuple[ObjectPair | None, str], ServedEngine | Picker]:
        engines = [each for model in models for each in model.engines]
        found: dict[tuple[ObjectPair | None, str], ServedEngine | Picker] = {}
        for engine in engines:
            found[pairs.get(engine.object), engine.part] = engine
        for picker in topology.pickers:
            found[pairs.get(picker.object), ""] = picker
        return found

    def _service_changes(self, old: ServedModel, new: ServedModel) -> Iterator[ServiceChange]:
        """The Services that lead to other engines, of those that are there before and after."""
        sides = self._services
        engines = self._workload_pairs(old.engines, new.engines, _engine_key, self._everywhere)
        for before, after in engines:
            if before is None or after is None:
                continue
            for pair in dict.fromkeys((*sides[0], *sides[1])):
                led = [
                    each.pods[0] in services[pair].backends if pair in services else False
                    for each, services in zip((before, after), sides, strict=True)
                ]
                if pair is not None and led[0] != led[1]:
                    yield ServiceChange(str(pair), _name(after), leads=led[1])

    def _workload_pairs(
        self,
        old: Sequence[Any],
        new: Sequence[Any],
        key: Callable[[Any], tuple[KubeObject, str]],
        everywhere: _Everywhere = ({}, {}),
    ) -> Iterator[tuple[Any, Any]]:
        """Workloads before and after; what is not among the new ones may be elsewhere."""
        before = {}
        all_old, all_new = everywhere
        for each in old:
            found, part = key(each)
            before[self.by_old.get(found), part] = each
        for each in new:
            found, part = key(each)
            at = (self.by_new.get(found), part)
            yield before.pop(at, None) or all_old.get(at), each
        for at, each in before.items():
            yield each, all_new.get(at)

    def _engine(self, old: ServedEngine | None, new: ServedEngine | None) -> WorkloadChange:
        either = new or old
        assert either is not None
        return self._workload(
            _name(either),
            either.role,
            None if old is None else (old.workload, _engine_copies(old)),
            None if new is None else (new.workload, _engine_copies(new)),
            either.pods,
        )

    def _picker(self, old: Picker | None, new: Picker | None) -> WorkloadChange:
        either = new or old
        assert either is not None
        return self._workload(
            str(either.object),
            "picker",
            None if old is None else (old.pods.workload, _plain_copies(old.pods.workload)),
            None if new is None else (new.pods.workload, _plain_copies(new.pods.workload)),
            [either.pods],
        )

    def _others(self) -> Iterator[WorkloadChange]:
        def key(workload: Workload) -> tuple[KubeObject, str]:
            return workload.object, str(workload.at.path[len(workload.object.root.path) :])

        rest = [
            [each for each in topology.workloads if id(each) not in self._told]
            for topology in (self.old, self.new)
        ]
        for old, new in self._workload_pairs(rest[0], rest[1], key):
            either = new or old
            topology = self.new if new else self.old
            yield self._workload(
                str(either.object),
                None,
                None if old is None else (old, _plain_copies(old)),
                None if new is None else (new, _plain_copies(new)),
                topology.pods_of(either),
            )

    def _workload(
        self,
        name: str,
        role: str | None,
        old: tuple[Workload, Copies] | None,
        new: tuple[Workload, Copies] | None,
        pods: Iterable[Pods],
    ) -> WorkloadChange:
        self._told.update(id(each[0]) for each in (old, new) if each is not None)
        if old is None or new is None:
            return WorkloadChange(name, role, old and old[1], new and new[1])
        workload, copies = new
        pair = self.by_new.get(workload.object)
        if pair is None or pair.old is None:
            return WorkloadChange(name, role, old[1], copies)
        start = len(workload.object.root.path)
        templates: list[Path] = [each.at.path[start:] for each in pods]
        changes = self.changes.get(pair, ())
        return WorkloadChange(
            name,
            role,
            old[1],
            copies,
            tuple(rolling_causes(workload, templates, changes)),
            tuple(change for change, _ in self.refused_by.get(pair, ())),
            rollout_of(workload, copies.count or 0),
            str(pair.old) if pair.renamed else None,
        )

    def _readings(self) -> Iterator[Reading]:
        changed = {
            key_of(pair.new)
            for pair, changes in self.changes.items()
            if pair.new is not None
            and not pair.hashed
            and pair.new.kind in ("ConfigMap", "Secret")
            and any(each.names[0] in ("data", "stringData", "binaryData") for each in changes)
        }
        if not changed:
            return
        pickers = {picker.pods for picker in self.new.pickers}
        for pods in self.new.pods:
            pair = self.by_new.get(pods.object)
            if pair is None or pair.old is None:
                continue
            start = len(pods.object.root.path)
            template = pods.at.path[start:]
            if not rolling_causes(pods.workload, [template], self.changes.get(pair, ())):
                yield from readings(pods, changed, is_picker=pods in pickers)

    def _findings(self) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        names = {
            str(pair.old): str(pair.new)
            for pair in self.pairs
            if pair.old and pair.new and str(pair.old) != str(pair.new)
        }
        old, new = self.findings

        def known_as(finding: Finding) -> Identity:
            return _identity(
                replace(finding, object=names.get(finding.object or "", finding.object))
            )

        before, after = (Counter(map(known_as, each)) for each in (old, new))
        return tuple(_beyond(new, before, known_as)), tuple(_beyond(old, after, known_as))


def _beyond(
    findings: Sequence[Finding], known: Counter[Identity], key: Callable[[Finding], Identity]
) -> Iterator[Finding]:
    left = Counter(known)
    for each in findings:
        if left[key(each)] > 0:
            left[key(each)] -= 1
        else:
            yield each


def _identity(finding: Finding) -> Identity:
    # Files may be called otherwise: what they hold is compared, wherever it stands.
    return identity(finding, "")


def _data(found: KubeObject | None) -> Mapping[str, Any]:
    value = None if found is None else found.root.value
    return value if isinstance(value, Mapping) else {}


def _name(engine: ServedEngine) -> str:
    return f"{engine.object}/{engine.part}" if engine.part else str(engine.object)


def _still_selects(old: ServedModel, new: ServedModel, pods: Pods) -> bool:
    """Whether what led to pods before, and leads to the new engines, selects those pods still."""
    leads = [(each.pool.object, each.pool.selector) for each in (old, new) if each.pool]
    if len(leads) == 2:
        (before, _), (after, selector) = leads
        return key_of(before) == key_of(after) and pods.selected_by(selector.value)
    known = {key_of(each.object) for each in old.services}
    return not leads and any(
        key_of(each.object) in known and pods.selected_by(each.selector.value)
        for each in new.services
    )


def _engine_key(engine: ServedEngine) -> tuple[KubeObject, str]:
    return engine.object, engine.part


def _picker_key(picker: Picker) -> tuple[KubeObject, str]:
    return picker.object, ""


def _engine_copies(engine: ServedEngine) -> Copies:
    return Copies(engine.copies, engine.gang_size, engine.devices_per_copy)


def _plain_copies(workload: Workload) -> Copies:
    count = None if workload.kind == "DaemonSet" else max(0, workload.copies.value)
    return Copies(count, max(1, workload.size.value), 0)
