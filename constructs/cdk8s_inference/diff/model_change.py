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

    @property
    def workloads(self) -> tuple[WorkloadChange, ...]:
        """Its engines and pickers."""
        return (*self.engines, *self.pickers)

    @property
    def is_changed(self) -> bool:
        """Whether anything becomes of it."""
        touched = any(each.is_touched for each in self.workloads)
        apart = (self.old is None) != (self.new is None)
        return bool(touched or apart or self.traffic or self.mixed or self.unselected)

    @property
    def is_disturbed(self) -> bool:
        """Whether a pod of it that runs is replaced or stops."""
        return any(each.is_disturbed for each in self.workloads)

    def outages(self) -> Iterator[str]:
        """The roles that no pod has for a time: ``prefill``, ``decode``, ``both``, ``picker``."""
        roles = dict.fromkeys(each.role or "both" for each in self.workloads if each.old)
        if self.takes_over:
            return  # When those are Ready is not known.
        for role in roles:
            own = [each for each in self.workloads if (each.role or "both") == role]
            running = [each for each in own if each.old is not None and each.old.count != 0]
            # Where a workload takes over from another, it is not known when it is ready.
            if running and all(each.outage for each in running):
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
        before, after = (modes[each.disaggregates] for each in (self.old, self.new))
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
