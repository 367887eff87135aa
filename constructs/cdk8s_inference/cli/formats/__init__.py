"""The formats that findings are written in, a file for each, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from cdk8s_inference.checks.coverage import Coverage
from cdk8s_inference.findings import Finding

FORMATS = ("text", "json", "sarif", "github", "gitlab", "junit", "markdown")


@dataclass(frozen=True)
class Report:
    """What is written.

    Attributes:
        findings: The findings.
        covered: What was read.
        files: The files that were read, as findings call them.
    """

    findings: Sequence[Finding]
    covered: Coverage
    files: Sequence[str]


def written(format: str, report: Report) -> str:
    """A report in one of the formats that programs read."""
    text: str = import_module(f"{__name__}.{format}").written(report)
    return text
