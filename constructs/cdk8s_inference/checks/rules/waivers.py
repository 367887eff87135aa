"""Waivers that have no effect any longer, or that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from cdk8s_inference.checks.rule import RULES, rule
from cdk8s_inference.checks.waiver import ANNOTATION, Waiver, waiver_annotations
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
    # A code that there is not is told as such.
    if not applied.used and _mend(f"{ANNOTATION}{waiver.code}") is None:
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
    "T008",
    "warning",
    "An annotation is meant as a waiver, and is none",
    why="The annotation has no effect: the finding that it is about is reported.",
    evidence="The key of a waiver is cdk8s-inference/waive- and a code of a rule.",
    fix="write cdk8s-inference/waive-CODE; cdk8s-inference rules lists the codes",
    example=manifests(
        "disaggregated",
        Edit(
            "HTTPRoute/qwen", "metadata.annotations", {"cdk8s-inference/waiveT503": "short answers"}
        ),
    ),
)
def misspelled(topology: Topology) -> Iterator[Violation]:
    for owner in topology.objects:
        for key in owner.annotations:
            fix = _mend(key) if _MEANT.match(key) else None
            if fix is not None:
                at = owner.value_at(owner.at("metadata", "annotations", key), key)
                yield Violation(at, f"{key} is no waiver", fix=fix)


_MEANT = re.compile(
    r"(?:cdk8s?[-_.]?infer[a-z]*/w[aei]+v?e?r?s?|waiver?s?(?=.?[A-Za-z]\d))[-_.: ]?"
    r"(?P<code>[A-Za-z]\d*)$",
    re.IGNORECASE,
)
"""A key that somebody meant as a waiver."""


def _mend(key: str) -> str | None:
    """What to do about a key that is meant as a waiver; None for one that is a waiver."""
    match = _MEANT.match(key)
    code = "" if match is None else match["code"].upper()
    if code in RULES and key == f"{ANNOTATION}{code}":
        return None
    # The registry has all rules, which takes longer to import than most checks.
    from cdk8s_inference.checks.registry import all_rules

    if code in all_rules():
        meant = f"{ANNOTATION}{code}"
        return None if key == meant else f"write {meant}"
    near = get_close_matches(code, list(all_rules()), 1)
    return f"there is no code {code}" + (f"; did you mean {near[0]}?" if near else "")


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
