"""Findings on standard error, as text for people or as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

import click

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.cli.stdout import wanted_color
from cdk8s_inference.findings import Finding, Severity
from cdk8s_inference.findings.terminal import escaped

Format = Literal["text", "json"]
FORMATS: tuple[str, ...] = get_args(Format)

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The worst first."""

COLORS: dict[Severity, str] = {"error": "red", "warning": "yellow", "note": "cyan"}


def report(findings: Sequence[Finding], format: Format, outcome: str | None) -> None:
    """Writes findings: as JSON a list and nothing else, as text also how many, and the outcome.

    Text is colored on a terminal, unless ``NO_COLOR`` is set.

    Args:
        findings: What to report.
        format: ``text`` or ``json``.
        outcome: What came of it, such as ``nothing written``; None to be silent about success.
    """
    if format == "json":
        _echo(json.dumps([finding.as_dict() for finding in findings], indent=2))
        return
    for finding in findings:
        _echo(styled(finding, str(finding)))
    closing = ": ".join(part for part in (counts(findings), outcome) if part)
    if closing:
        _echo(escaped(closing))


def is_failure(findings: Sequence[Finding], *, strict: bool) -> bool:
    """Whether findings fail a run: errors do, and where it is strict warnings too."""
    failing = ("error", "warning") if strict else ("error",)
    return any(finding.severity in failing for finding in findings)


def counts(findings: Sequence[Finding]) -> str:
    """How many findings there are of each severity: ``2 errors, 1 note``; empty for none."""
    found = Counter(finding.severity for finding in findings)
    return ", ".join(plural(found[severity], severity) for severity in COLORS if found[severity])


def styled(finding: Finding, text: str) -> str:
    """A finding's text with its severity and code in color."""
    label = f"{finding.severity}[{finding.code}]"
    before, _, after = text.partition(label)
    return before + click.style(label, fg=COLORS[finding.severity], bold=True) + after


def _echo(text: str) -> None:
    click.echo(text, err=True, color=wanted_color())
