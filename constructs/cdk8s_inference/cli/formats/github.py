"""Annotations of a GitHub workflow."""

from __future__ import annotations

from cdk8s_inference.cli.formats import Report
from cdk8s_inference.cli.formats.places import relative, sentence
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.terminal import escaped


def written(report: Report) -> str:
    """The findings, one a line."""
    return "\n".join(map(_annotation, report.findings))


def _annotation(finding: Finding) -> str:
    level = {"error": "error", "warning": "warning", "note": "notice"}[finding.severity]
    file = None if finding.file is None else relative(finding.file)
    properties = {"file": file, "line": finding.line, "title": finding.code}
    given = ",".join(
        f"{key}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}"
        for key, value in properties.items()
        if value is not None
    )
    return f"::{level} {given}::{_escaped(sentence(finding))}"


def _escaped(text: str) -> str:
    """A text within a workflow command, which is shown in a log."""
    return escaped(text).replace("%", "%25")
