"""What a picker of a release does with a configuration, told before it runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from cdk8s_inference.findings import Finding, Place, Violation
from cdk8s_inference.picker_config import rules as rules
from cdk8s_inference.picker_config.document import PickerDocument
from cdk8s_inference.picker_config.rule import PICKER_CONFIG_RULES
from cdk8s_inference.picker_config.rules.format import UNREADABLE
from cdk8s_inference.picker_config.serving import (
    PREFILL,
    answers,
    prefills,
    shortest_prompt,
)
from cdk8s_inference.releases import PickerRelease
from cdk8s_inference.source import Document, read

Outcome = Literal[
    "does not start",
    "every request fails",
    "prefill pods serve users",
    "never disaggregates",
    "disaggregates",
    "serves",
]

SILENT_CODES = frozenset(
    {
        "P301",
        "P302",
        "P303",
        "P304",
        "P305",
        "P306",
        "P307",
        "P308",
        "P309",
        "P311",
        "P401",
        "P501",
    }
)
"""Findings of pickers that start, look healthy, and do something else than was meant."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of requests, with a ready pod of each role and the sidecar on decode.

    Attributes:
        starts: Whether the picker starts.
        answers: The roles of the pods that may answer a request; ``unlabelled`` in a pool
            without roles. Empty: every request fails.
        shortest_prompt: How many tokens a prompt that no pod has cached must have to be
            prefilled on a prefill pod; 0 where every prompt is, None where none is.
        by_chance: Whether it depends on ties which pod answers or prefills.
        disaggregated: Whether the pool has prefill and decode pods.
        findings: What leads there, and what else is to know.
    """

    starts: bool
    answers: frozenset[str]
    shortest_prompt: int | None
    by_chance: bool
    disaggregated: bool
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """The verdict in a few words, the worst that is true."""
        if not self.starts:
            return "does not start"
        if not self.answers:
            return "every request fails"
        if not self.disaggregated:
            return "serves"
        if PREFILL in self.answers:
            return "prefill pods serve users"
        return "never disaggregates" if self.shortest_prompt is None else "disaggregates"

    def with_findings(self, findings: Iterable[Finding]) -> Verdict:
        """The same with further findings."""
        return replace(self, findings=(*self.findings, *findings))


def assess(
    text: str,
    release: PickerRelease,
    *,
    disaggregated: bool = True,
    experimental: bool = False,
    file: str | None = None,
) -> Verdict:
    """What a picker does with a configuration that is text; never raises for a bad one.

    Args:
        text: YAML of an EndpointPickerConfig.
        release: The picker's release.
        disaggregated: Whether its pool has prefill and decode pods.
        experimental: Whether it runs with alpha plugins enabled.
        file: The file that findings name.
    """
    return _assess(text, release, disaggregated, experimental, file)


# Most deployments of a fleet have the same configuration.
@lru_cache(maxsize=64)
def _assess(
    text: str,
    release: PickerRelease,
    disaggregated: bool,
    experimental: bool,
    file: str | None,
) -> Verdict:
    documents, problems = read(text.encode(), file)
    if problems or len(documents) != 1:
        reason = "; ".join(problem.message for problem in problems)
        line = problems[0].line if problems else None
        at = Place("", "", file, line)
        violation = Violation(at, reason or f"it holds {len(documents)} documents")
        return _does_not_start([UNREADABLE.finding(violation)], disaggregated)
    return assess_source(
        documents[0], release, disaggregated=disaggregated, experimental=experimental
    )


def assess_document(
    data: Any, release: PickerRelease, *, disaggregated: bool = True, experimental: bool = False
) -> Verdict:
    """As :func:`assess`, for a configuration that is plain data."""
    return assess_source(
        Document(data), release, disaggregated=disaggregated, experimental=experimental
    )


def assess_source(
    source: Document,
    release: PickerRelease,
    *,
    disaggregated: bool = True,
    experimental: bool = False,
) -> Verdict:
    """As :func:`assess`, for a configuration that was read already."""
    if not source.data or not isinstance(source.data, dict):
        violation = Violation(source.root, "it is not a mapping")
        return _does_not_start([UNREADABLE.finding(violation)], disaggregated)
    document = PickerDocument(
        source, release, experimental=experimental, disaggregated=disaggregated
    )
    startup = _findings(document, "P1")
    effects = _findings(document, "P5")
    if startup:
        return _does_not_start([*startup, *effects], disaggregated)
    serving = [*_findings(document, "P2"), *_findings(document, "P4")]
    prefill = _findings(document, "P3")
    declined = any(finding.severity != "note" for finding in prefill)
    answering, prefilling = answers(document), prefills(document)
    shortest = None if declined or not disaggregated else shortest_prompt(document)
    tied = shortest is not None and prefilling is not None and len(prefilling[1]) > 1
    return Verdict(
        starts=True,
        answers=answering,
        shortest_prompt=shortest,
        by_chance=tied or len(answering) > 1,
        disaggregated=disaggregated,
        findings=(*serving, *prefill, *effects),
    )


def _findings(document: PickerDocument, family: str) -> list[Finding]:
    codes = [code for code in PICKER_CONFIG_RULES.rules if code.startswith(family)]
    return list(PICKER_CONFIG_RULES.findings(document, sorted(codes)))


def _does_not_start(findings: Iterable[Finding], disaggregated: bool) -> Verdict:
    return Verdict(False, frozenset(), None, False, disaggregated, tuple(findings))
