"""What becomes of the pods of one workload."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cdk8s_inference.diff.field_change import FieldChange
from cdk8s_inference.diff.rollout import Rollout
from cdk8s_inference.findings import Path
from cdk8s_inference.topology import Workload

_NO_REVISION = ("maxGroupRestarts", "restartBackoff")
"""Fields of a LeaderWorkerSet's template that make no other revision of it."""


@dataclass(frozen=True)
class Copies:
    """The copies of a workload before or after.

    Attributes:
        count: How many; None for one on each node.
        size: Pods of each.
        devices: Accelerators of each; None where that cannot be told.
    """

    count: int | None
    size: int
    devices: int | None

    @property
    def pods(self) -> int | None:
        """Pods of all of them."""
        return None if self.count is None else self.count * self.size

    @property
    def all_devices(self) -> int | None:
        """Accelerators of all of them."""
        if self.count is None or self.devices is None:
            return None
        return self.count * self.devices


@dataclass(frozen=True)
class WorkloadChange:
    """A workload before and after.

    Attributes:
        name: Its kind, namespace and name, and which part of it.
        role: What its pods do of a request: ``prefill``, ``decode``, ``both`` (prefill and
            decode), ``encode``, ``picker``; None where that is not known.
        old: Its copies before; None where it is new.
        new: Its copies after; None where it goes.
        causes: What changes of its pods: by any of it they are others.
        refused: What the API server refuses to change, so that it is deleted and made again.
        rollout: How its copies are replaced; None where another controller decides.
        renamed_from: The name that it had.
    """

    name: str
    role: str | None
    old: Copies | None
    new: Copies | None
    causes: tuple[FieldChange, ...] = ()
    refused: tuple[FieldChange, ...] = ()
    rollout: Rollout | None = None
    renamed_from: str | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether it is made again: under another name, or since the server refuses the change."""
        return bool(self.refused) or self.renamed_from is not None

    @property
    def replaced(self) -> int | None:
        """How many copies are replaced; None for those of each node, or where nobody knows."""
        if self.old is None or self.new is None:
            return 0
        if not self.causes and not self.is_deleted:
            return 0
        if self.old.count is None or self.new.count is None:
            return None
        both = min(self.old.count, self.new.count)
        if self.is_deleted:
            return both
        return None if self.rollout is None else self.rollout.replaced(both)

    @property
    def restarts(self) -> int | None:
        """How many pods are replaced; None where a controller or the nodes decide."""
        if self.old is None or self.new is None:
            return 0
        if self.replaced is None:
            return None
        return self.replaced * min(self.old.size, self.new.size)

    @property
    def restarted_devices(self) -> int | None:
        """How many accelerators these have."""
        if self.replaced is None or self.old is None or self.old.devices is None:
            return None
        return self.replaced * self.old.devices

    @property
    def starts(self) -> int:
        """How many pods are added to those that run."""
        return max(0, _pods(self.new) - _pods(self.old))

    @property
    def stops(self) -> int:
        """How many pods are taken from those that run."""
        return max(0, _pods(self.old) - _pods(self.new))

    @property
    def is_disturbed(self) -> bool:
        """Whether a pod that runs is replaced or stops."""
        return self.restarts != 0 or self.stops > 0

    @property
    def is_touched(self) -> bool:
        """Whether anything becomes of its pods, now or later."""
        changed = self.causes or self.is_deleted or self.gets_other_devices
        return bool(self.is_disturbed or self.starts or changed)

    @property
    def gets_other_devices(self) -> bool:
        """Whether a copy has another number of accelerators, once it is a new one."""
        counts = {each.devices for each in (self.old, self.new) if each is not None}
        return len(counts) == 2 and None not in counts

    @property
    def outage(self) -> bool:
        """Whether there is a time at which none of its copies serves."""
        if self.old is None or not self.old.count:
            return False
        if self.renamed_from is not None:
            return False  # The old one runs until somebody deletes it.
        if self.new is None or not self.new.count or self.refused:
            return True
        if not self.replaced or self.rollout is None:
            return False
        # What a rollout may take away is counted from the copies that are wanted.
        return self.rollout.least_ready(self.new.count) == 0

    @property
    def most_devices(self) -> int | None:
        """Accelerators that its old and new pods have at once, at the most; None: not known."""
        old, new = ((0, 0) if each is None else (each.count, each.devices)
                    for each in (self.old, self.new))  # fmt: skip
        (old_count, old_each), (count, each) = old, new
        if old_count is None or old_each is None or count is None or each is None:
            return None
        before, after = old_count * old_each, count * each
        if self.renamed_from is not None:
            return before + after
        if self.new is None or self.is_deleted:
            return max(before, after)
        if not self.replaced or self.rollout is None:
            return after
        surge = self.rollout.surge
        first = before + min(surge, count) * each
        return max(first, after + min(surge, old_count) * old_each)

    @property
    def spare_devices(self) -> int | None:
        """Accelerators that must be free for its rollout to go on; None where nobody knows."""
        if not self.replaced or self.rollout is None or self.new is None or self.is_deleted:
            return 0
        if self.new.devices is None:
            return None
        if self.rollout.strategy != "RollingUpdate" or self.rollout.unavailable:
            return 0
        return min(self.rollout.surge, 1) * self.new.devices


def _pods(copies: Copies | None) -> int:
    return 0 if copies is None else copies.pods or 0


def rolling_causes(
    workload: Workload, templates: Sequence[Path], changes: Iterable[FieldChange]
) -> list[FieldChange]:
    """The changes of an object that make other pods of one of its workloads.

    Args:
        workload: The workload.
        templates: Where the templates of its pods are in the object.
        changes: What changes of the object.
    """
    below: list[Path] = list(templates)
    if workload.kind == "LeaderWorkerSet":
        spec = workload.at.path[len(workload.object.root.path) :]
        below = [(*spec, "leaderWorkerTemplate"), (*spec, "networkConfig")]
    return [
        change
        for change in changes
        if not change.is_default
        and not any(name in _NO_REVISION for name in change.names)
        and any(_is_within(change, path) for path in below)
    ]


def _is_within(change: FieldChange, path: Path) -> bool:
    # Where one side lacks it, the path of the other leads there.
    return any(at[: len(path)] == path for at in change.at)
