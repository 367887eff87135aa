"""One cause, one finding: violations of one cause are merged, and consequences told with it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cdk8s_inference.findings import Finding, Place
from cdk8s_inference.labels import MANAGED_BY
from cdk8s_inference.topology import KubeObject

_RANK = {"error": 0, "warning": 1, "note": 2}
_NUMBER = re.compile(r"\d+")
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Reported:
    """A finding of a rule, before findings of one cause are merged.

    Attributes:
        finding: The finding.
        objects: The objects that it is about; the first is the one to change.
        cause: What violations of one cause have in common, where the rule says so.
    """

    finding: Finding
    objects: tuple[KubeObject, ...] = ()
    cause: Place | None = None


def one_per_cause(
    reported: Sequence[Reported], after: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """The findings, one for each cause, in the order in which their causes were reported.

    Args:
        reported: What the rules reported.
        after: For a code, the codes of which it is a consequence.
    """
    merged = list(_merged(reported))
    by_object: dict[KubeObject, list[int]] = defaultdict(list)
    for index, each in enumerate(merged):
        for owner in each.objects:
            by_object[owner].append(index)
    causes = [_cause(index, merged, by_object, after) for index in range(len(merged))]
    roots = [_root(index, causes) for index in range(len(merged))]
    consequences: dict[int, list[Finding]] = defaultdict(list)
    for index, root in enumerate(roots):
        if root != index:
            consequences[root].append(merged[index].finding)
    return [
        replace(each.finding, consequences=tuple(consequences[index]))
        for index, each in enumerate(merged)
        if roots[index] == index
    ]


def _cause(
    index: int,
    merged: Sequence[Reported],
    by_object: Mapping[KubeObject, Sequence[int]],
    after: Mapping[str, Sequence[str]],
) -> int | None:
    """Which finding implies one; None for none. What is worse is never hidden in what is not."""
    each = merged[index]
    wanted = after.get(each.finding.code, ())
    if not wanted:
        return None
    return next(
        (
            other
            for owner in each.objects
            for other in by_object[owner]
            if merged[other].finding.code in wanted
            and _RANK[merged[other].finding.severity] <= _RANK[each.finding.severity]
        ),
        None,
    )


def _root(index: int, causes: Sequence[int | None]) -> int:
    """The first cause of a finding; a finding itself where causes imply each other."""
    seen = [index]
    while (cause := causes[seen[-1]]) is not None:
        if cause in seen:
            return min(seen[seen.index(cause) :])
        seen.append(cause)
    return seen[-1]


def _merged(reported: Iterable[Reported]) -> Iterator[Reported]:
    groups: dict[Hashable, list[Reported]] = defaultdict(list)
    for each in reported:
        groups[_key(each)].append(each)
    for group in groups.values():
        # Two pools that share pods, as one name in two API groups, have the same to say of them.
        different = list({each.finding: each for each in group}.values())
        yield _together(different) if len(different) > 1 else different[0]


def _together(group: Sequence[Reported]) -> Reported:
    first = group[0].finding
    places = (
        place
        for each in group
        for place in (_place(each.finding), *each.finding.related)
        if place != _place(first) and (place.object or place.file)
    )
    return Reported(
        replace(first, related=tuple(dict.fromkeys(places)), count=len(group)),
        tuple(dict.fromkeys(owner for each in group for owner in each.objects)),
        group[0].cause,
    )


def _place(finding: Finding) -> Place:
    return Place(finding.object or "", finding.path, finding.file, finding.line)


def _key(each: Reported) -> Hashable:
    """What findings of one cause have in common."""
    finding = each.finding
    if each.cause is not None:
        return finding.code, finding.severity, each.cause
    deployment = _deployment(each.objects[0]) if each.objects else None
    return (
        finding.code,
        finding.severity,
        finding.fix,
        _NUMBER.sub("#", finding.message),
        _INDEX.sub("[#]", finding.path),
        # The replicas of a deployment are alike but for the number in their names.
        deployment or (finding.file, finding.object),
    )


def _deployment(owner: KubeObject) -> tuple[str | None, str] | None:
    """The ModelDeployment that an object was composed from."""
    labels = owner.labels
    if labels.get("app.kubernetes.io/managed-by") != MANAGED_BY:
        return None
    name = labels.get("app.kubernetes.io/part-of")
    return None if name is None else (owner.namespace, name)
