"""A list of findings, as ``docs/findings.schema.json`` describes it."""

from __future__ import annotations

import json

from cdk8s_inference.checks.rules.no_objects import what_was_read
from cdk8s_inference.cli.formats import Report


def written(report: Report) -> str:
    """The findings, and last a note with what was read."""
    covered = report.covered
    summary = {**what_was_read(str(covered)).as_dict(), "summary": covered.as_dict()}
    return json.dumps([*(each.as_dict() for each in report.findings), summary], indent=2)
