"""Waivers: rules that somebody decided not to follow, with a reason and for a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from cdk8s_inference.checks.causes import Reported
from cdk8s_inference.findings import Finding
from cdk8s_inference.labels import PREFIX
from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology import KubeObject

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

    def covers(self, finding: Finding, objects: Iterable[KubeObject]) -> bool:
        """Whether it is about a finding."""
        return finding.code == self.code and (self.owner is None or self.owner in objects)


def waivers_of(objects: Iterable[KubeObject]) -> tuple[list[Waiver], list[Finding]]:
    """The waivers in annotations, and what is wrong with those that cannot be read."""
    found, malformed = [], []
    for owner in objects:
        for key, value in owner.annotations.items():
            if not key.startswith(ANNOTATION):
                continue
            match = _VALUE.fullmatch(value)
            assert match is not None
            try:
                until = None if match["until"] is None else _date(match["until"].strip())
                found.append(Waiver(key[len(ANNOTATION) :], match["reason"].strip(), until, owner))
            except ValueError as error:
                at = owner.value_at(owner.at("metadata", "annotations", key), value)
                malformed.append(_about("T004", at.object, key, f"{value!r}: {error}"))
    return found, malformed


def _date(text: str) -> date:
    """A date as it is to be written; date.fromisoformat takes more forms from Python to Python."""
    return datetime.strptime(text, "%Y-%m-%d").date()


def waivers_of_document(document: Document) -> list[Waiver]:
    """The waivers in a ModelDeployment's annotations, for whatever is composed from it."""
    found, _ = waivers_of([KubeObject(document, Cursor(document.data))])
    return [replace(each, owner=None) for each in found]


def waived(
    found: Sequence[Reported],
    waivers: Sequence[Waiver],
    today: date,
) -> tuple[list[Reported], list[Finding]]:
    """The findings after waivers, and those about the waivers.

    What is waived becomes a note, and says why. A waiver that nothing needs any longer is a
    warning, and so is one that has expired.
    """
    judged, findings = [], []
    used: set[int] = set()
    for each in found:
        finding, objects = each.finding, each.objects
        for index, waiver in enumerate(waivers):
            if finding.severity == "note" or not waiver.covers(finding, objects):
                continue
            used.add(index)
            if waiver.until is None or today <= waiver.until:
                until = f" until {waiver.until}" if waiver.until else ""
                message = f"{finding.message} (waived{until}: {waiver.reason})"
                finding = replace(finding, severity="note", message=message)
                break
        judged.append(replace(each, finding=finding))
    for index, waiver in enumerate(waivers):
        if index not in used:
            findings.append(_of_waiver("T002", waiver, "waives nothing"))
        elif waiver.until is not None and today > waiver.until:
            findings.append(_of_waiver("T003", waiver, f"expired on {waiver.until}"))
    return judged, findings


_FIXES = {
    "T002": "remove it",
    "T003": "mend what it waived, or decide anew",
    "T004": 'write "REASON; until YYYY-MM-DD"',
}


def _of_waiver(code: str, waiver: Waiver, what: str) -> Finding:
    message = f"the waiver of {waiver.code} {what}: {waiver.reason}"
    if waiver.owner is None:
        return Finding(code, "warning", "", message, _FIXES[code])
    return _about(code, waiver.owner, f"{ANNOTATION}{waiver.code}", message)


def _about(code: str, owner: KubeObject, key: str, message: str) -> Finding:
    place = owner.value_at(owner.at("metadata", "annotations", key), None).place
    return Finding(
        code, "warning", place.path, message, _FIXES[code], place.file, place.line, place.object
    )
