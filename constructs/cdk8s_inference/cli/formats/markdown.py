"""Markdown, as for a comment on a pull request."""

from __future__ import annotations

import re

from cdk8s_inference.cli.formats import Report
from cdk8s_inference.cli.formats.places import relative, where
from cdk8s_inference.cli.report import counts
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.terminal import escaped

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~@])")


def written(report: Report) -> str:
    """A line that says what was found, and a table of the findings."""
    outcome = counts(report.findings) or "nothing wrong"
    lines = [f"**cdk8s-inference check**: {outcome} in {plain(str(report.covered))}"]
    if report.findings:
        lines += ["", "| | Where | What | Fix |", "| --- | --- | --- | --- |"]
        lines += map(_row, report.findings)
    return "\n".join(lines)


def _row(finding: Finding) -> str:
    place = "" if finding.file is None else relative(finding.file)
    if finding.line is not None:
        place += f":{finding.line}"
    within = plain(where(finding).removesuffix(": "))
    cells = (
        f"{finding.severity} {finding.code}",
        "<br>".join(part for part in (plain(place), within) if part),
        plain(finding.summary),
        plain(finding.fix),
    )
    return f"| {' | '.join(cells)} |"


def plain(text: str) -> str:
    """A text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", escaped(text)).replace("\n", " ")
