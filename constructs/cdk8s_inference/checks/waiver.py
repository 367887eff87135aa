"""Waivers: rules that somebody decided not to follow, with a reason and for a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from cdk8s_inference.checks.causes import Reported
from cdk8s_inference.findings import Finding
from cdk8s_inference.labels import PREFIX
from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology import KubeObject, SourceValue

ANNOTATION = f"{PREFIX}waive-"
"""Starts an annotation's key; the code follows. Its value is the reason, and may end in a date:
``cdk8s-inference/waive-T503: "short answers only; until 2027-03-31"``."""

_VALUE = re.compile(r"(?P<reason>.*?)(?:;\s*until\b(?P<until>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Waiver:
    """A rule that does not count.

    Attributes:
        code: The rule's code.
        reason: Why; whoever reads it later must be able to judge it.
        until: The last day on which it holds; None for good.
        owner: The object whose annotation it is.
    """

    code: str
    reason: str
    until: date | None = None
    owner: KubeObject | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"waiver of {self.code} has no reason")

    @property
    def annotation(self) -> SourceValue[str] | None:
        """The annotation that it is; None where it was written in Python."""
        if self.owner is None:
            return None
        key = f"{ANNOTATION}{self.code}"
        return self.owner.value_at(self.owner.at("metadata", "annotations", key), "")

    def covers(self, finding: Finding, objects: Iterable[KubeObject]) -> bool:
        """Whether it is about a finding."""
        return finding.code == self.code and (self.owner is None or self.owner in objects)

    def holds(self, today: date) -> bool:
        """Whether it has not expired."""
        return self.until is None or today <= self.until


def waiver_annotations(
    owner: KubeObject,
) -> Iterator[tuple[SourceValue[str], Waiver | ValueError]]:
    """The annotations of an object that are waivers, each as it was read, or why it was not."""
    for key, value in owner.annotations.items():
        if key.startswith(ANNOTATION):
            at = owner.value_at(owner.at("metadata", "annotations", key), value)
            try:
                yield at, _read(key.removeprefix(ANNOTATION), value, owner)
            except ValueError as error:
                yield at, error


def waivers_of(objects: Iterable[KubeObject]) -> list[Waiver]:
    """The waivers in annotations, without those that cannot be read."""
    return [
        read
        for owner in objects
        for _, read in waiver_annotations(owner)
        if isinstance(read, Waiver)
    ]


def _read(code: str, text: str, owner: KubeObject) -> Waiver:
    match = _VALUE.fullmatch(text)
    assert match is not None
    until = None if match["until"] is None else _date(match["until"].strip())
    return Waiver(code, match["reason"].strip(), until, owner)


def _date(text: str) -> date:
    """A date as it is to be written; date.fromisoformat takes more forms from Python to Python."""
    return datetime.strptime(text, "%Y-%m-%d").date()


def waivers_of_document(document: Document) -> list[Waiver]:
    """The waivers in a ModelDeployment's annotations, for whatever is composed from it."""
    found = waivers_of([KubeObject(document, Cursor(document.data))])
    return [replace(each, owner=None) for each in found]


def waived(
    found: Sequence[Reported], waivers: Sequence[Waiver], today: date
) -> tuple[list[Reported], list[bool]]:
    """The findings after waivers, and for each waiver whether a finding has its code.

    What is waived becomes a note, and says why.
    """
    judged = []
    used = [False] * len(waivers)
    for each in found:
        finding, objects = each.finding, each.objects
        for index, waiver in enumerate(waivers):
            if finding.severity == "note" or not waiver.covers(finding, objects):
                continue
            used[index] = True
            if waiver.holds(today):
                until = f" until {waiver.until}" if waiver.until else ""
                message = f"{finding.message} (waived{until}: {waiver.reason})"
                reason = waiver.reason
                finding = replace(finding, severity="note", message=message, waived=reason)
                break
        judged.append(replace(each, finding=finding))
    return judged, used
