"""Waivers that have no effect any longer, or that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.checks.waiver import Waiver, waiver_annotations
from cdk8s_inference.findings import REMOVED, Edit, RuleSet, Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.topology import Topology


@dataclass(frozen=True)
class AppliedWaiver:
    """A waiver, once it was applied to all findings.

    Attributes:
        waiver: The waiver.
        used: Whether a finding has its code.
        today: The day of the check.
    """

    waiver: Waiver
    used: bool
    today: date


WAIVER_RULES: RuleSet[AppliedWaiver] = RuleSet()


def _annotated(reason: str) -> Edit:
    return Edit("HTTPRoute/qwen", "metadata.annotations", {"cdk8s-inference/waive-T503": reason})


@WAIVER_RULES.rule(
    "T002",
    "warning",
    "A waiver is not used",
    why="A waiver that is no longer needed hides the next finding with its code.",
    evidence="Waivers are compared with the findings of the same check.",
    fix="remove the waiver, or correct its code",
    example=manifests("disaggregated", _annotated("answers are short")),
)
def unused(applied: AppliedWaiver) -> Iterator[Violation]:
    waiver = applied.waiver
    if not applied.used:
        yield Violation(
            waiver.annotation, f"the waiver of {waiver.code} is not used: {waiver.reason}"
        )


@WAIVER_RULES.rule(
    "T003",
    "warning",
    "A waiver has expired",
    why="The finding that it waived is reported again.",
    evidence="The date after until is the last day on which the waiver is valid.",
    fix="fix the finding, or set a later date",
    example=manifests(
        "disaggregated",
        _annotated("answers are short; until 2026-01-31"),
        Edit("HTTPRoute/qwen", "spec.rules[0].timeouts", REMOVED),
    ),
)
def expired(applied: AppliedWaiver) -> Iterator[Violation]:
    waiver = applied.waiver
    if applied.used and not waiver.holds(applied.today):
        yield Violation(
            waiver.annotation,
            f"the waiver of {waiver.code} expired on {waiver.until}: {waiver.reason}",
        )


@rule(
    "T004",
    "warning",
    "A waiver cannot be read",
    why="The waiver has no effect: the finding that it is about is reported.",
    evidence="A waiver has a reason, and optionally a date in the form YYYY-MM-DD.",
    fix='write "REASON; until YYYY-MM-DD", or only the reason',
    example=manifests("disaggregated", _annotated("answers are short; until next summer")),
)
def unreadable(topology: Topology) -> Iterator[Violation]:
    for owner in topology.objects:
        for annotation, read in waiver_annotations(owner):
            if isinstance(read, ValueError):
                yield Violation(annotation, f"{annotation.value!r}: {read}")
