"""What becomes of one served model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cdk8s_inference.diff.mixed_state import MixedState
from cdk8s_inference.diff.object_pair import ObjectPair, key_of
from cdk8s_inference.diff.traffic import Traffic
from cdk8s_inference.diff.workload_change import WorkloadChange
from cdk8s_inference.topology import ServedModel


@dataclass(frozen=True)
class Devices:
    """Accelerators of the engines of a served model; None where that cannot be told.

    Attributes:
        old: Before.
        most: While old and new pods run, at the most.
        new: After.
        spare: How many must be free, so that nothing waits for others to stop.
    """

    old: int | None
    most: int | None
    new: int | None
    spare: int | None


@dataclass(frozen=True)
class ModelChange:
    """A served model before and after.

    Attributes:
        name: What it is known by, such as ``InferencePool llm/qwen``.
        served: The names by which requests call its models, after the change.
        old: Before; None where it is new.
        new: After; None where it goes.
        engines: What becomes of its engines.
        pickers: What becomes of its pickers.
        traffic: How the requests to it change.
        mixed: What is wrong while pods of before and after run at once.
        unselected: Engines that the pool no longer selects as they were before, so that those get
            no requests.
        stay: Engines that nobody asked to keep, and that get requests until they are deleted: what
            leads to the new engines selects them too.
    """

    name: str
    served: tuple[str, ...]
    old: ServedModel | None
    new: ServedModel | None
    engines: tuple[WorkloadChange, ...]
    pickers: tuple[WorkloadChange, ...]
    traffic: Traffic
    mixed: tuple[MixedState, ...] = ()
    unselected: tuple[str, ...] = ()
    stay: tuple[str, ...] = ()

    @property
    def workloads(self) -> tuple[WorkloadChange, ...]:
        """Its engines and pickers."""
        return (*self.engines, *self.pickers)

    @property
    def is_changed(self) -> bool:
        """Whether anything becomes of it."""
        touched = any(each.is_touched for each in self.workloads)
        apart = self.is_new or self.is_gone or self.loses_pool
        return bool(touched or apart or self.traffic or self.mixed or self.unselected)

    @property
    def is_new(self) -> bool:
        """Whether nothing served it before."""
        return self.old is None and not any(each.old for each in self.workloads)

    @property
    def is_gone(self) -> bool:
        """Whether nothing serves it afterwards."""
        return self.new is None and not any(each.new for each in self.workloads)

    @property
    def loses_pool(self) -> bool:
        """Whether its engines stay, and its pool goes."""
        if self.old is None or self.old.pool is None or self.switch is not None:
            return False
        return any(each.new for each in self.engines) and not (self.new and self.new.pool)

    @property
    def devices(self) -> Devices:
        """The accelerators of its engines."""
        old, new = (
            _sum(0 if each is None else each.all_devices for each in side)
            for side in zip(*((each.old, each.new) for each in self.engines), strict=True)
        ) if self.engines else (0, 0)  # fmt: skip
        rolling = [each.spare_devices for each in self.engines]
        made = [each.new.all_devices for each in self.engines
                if each.new is not None and (each.old is None or each.renamed_from)]  # fmt: skip
        spare = None if None in rolling else max((each or 0 for each in rolling), default=0)
        return Devices(
            old, _sum(each.most_devices for each in self.engines), new, _sum([*made, spare])
        )

    @property
    def is_disturbed(self) -> bool:
        """Whether a pod of it that runs is replaced or stops."""
        return any(each.is_disturbed for each in self.workloads)

    def outages(self) -> Iterator[str]:
        """The roles that no pod has until a new one is Ready.

        ``prefill``, ``decode``, ``encode``, ``both`` (prefill and decode) or ``picker``.
        """
        roles = dict.fromkeys(each.role or "both" for each in self.workloads if each.old)
        if self.takes_over:
            return  # When those are Ready is not known.
        for role in roles:
            own = [each for each in self.workloads if (each.role or "both") == role]
            running = [each for each in own if each.old is not None and each.old.count != 0]
            # Where a workload takes over from another, it is not known when it is ready.
            follows = any(each.old is None for each in own)
            stays = any(each.new is not None and each.new.count != 0 for each in own)
            if running and stays and not follows and all(each.outage for each in running):
                yield role

    def lost(self) -> Iterator[str]:
        """The roles that pods had, and that none has any longer, as in :meth:`outages`."""
        before, after = (
            dict.fromkeys(
                change.role or "both"
                for change in self.workloads
                for copies in [change.old if old else change.new]
                if copies is not None and copies.count != 0
            )
            for old in (True, False)
        )
        pooled = self.new is not None and self.new.pool is not None
        for role in before:
            others = {"both": {"decode"}, "prefill": {"both"}, "decode": {"both"}}.get(role, set())
            if not after.keys() & {role, *others} and (pooled or role != "picker"):
                yield role

    @property
    def takes_over(self) -> bool:
        """Whether other engines answer the same requests after it."""
        if not (self.old and self.new and self.old.engines and self.new.engines):
            return False
        return not any(each.old and each.new for each in self.engines)

    @property
    def switch(self) -> tuple[str, str] | None:
        """How its mode changes: between ``Unified`` and ``PrefillDecode``."""
        if self.old is None or self.new is None:
            return None
        modes = ("Unified", "PrefillDecode")
        before, after = (
            modes[each.disaggregates or any(one.sidecar for one in each.engines)]
            for each in (self.old, self.new)
        )
        has_engines = self.old.engines and self.new.engines
        return (before, after) if before != after and has_engines else None


def model_pairs(
    old: Iterable[ServedModel], new: Iterable[ServedModel], pairs: Sequence[ObjectPair]
) -> list[tuple[ServedModel | None, ServedModel | None]]:
    """Which served model after the change is which before it.

    By what it is known by, then by engines or routes that both have, then by the models that they
    serve in one namespace.
    """
    renamed = {key_of(pair.new): key_of(pair.old) for pair in pairs if pair.old and pair.new}
    left, found = list(old), list[tuple[ServedModel | None, ServedModel | None]]()

    def keys(models: ServedModel, *, after: bool) -> set[object]:
        made = {key_of(each.object) for each in models.engines}
        made |= {key_of(each.object) for each in models.routes}
        return {renamed.get(key, key) if after else key for key in made}

    def same_object(before: ServedModel, after: ServedModel) -> bool:
        key = key_of(after.object)
        return key_of(before.object) == renamed.get(key, key)

    def in_common(before: ServedModel, after: ServedModel) -> bool:
        return not keys(before, after=False).isdisjoint(keys(after, after=True))

    def same_models(before: ServedModel, after: ServedModel) -> bool:
        names = set(before.served_names).intersection(after.served_names)
        return before.namespace == after.namespace and bool(names)

    ahead = list(new)
    tests: tuple[Callable[[ServedModel, ServedModel], bool], ...]
    tests = (same_object, in_common, same_models)
    taken: dict[int, ServedModel] = {}
    for test in tests:
        for after in ahead:
            if id(after) in taken:
                continue
            match = next((each for each in left if test(each, after)), None)
            if match is not None:
                left.remove(match)
                taken[id(after)] = match
    found += [(taken.get(id(each)), each) for each in ahead]
    found += [(each, None) for each in left]
    return found


def _sum(counts: Iterable[int | None]) -> int | None:
    found = list(counts)
    known = [each for each in found if each is not None]
    return sum(known) if len(known) == len(found) else None
