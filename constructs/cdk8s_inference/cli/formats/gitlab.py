"""A report of GitLab's Code Quality."""

from __future__ import annotations

import json
from collections import Counter

from cdk8s_inference.cli.formats import Report
from cdk8s_inference.cli.formats.places import fingerprint, relative, sentence

_SEVERITIES = {"error": "major", "warning": "minor", "note": "info"}


def written(report: Report) -> str:
    """The findings as a list of issues, each with a fingerprint of its own."""
    seen: Counter[str] = Counter()
    issues = []
    for each in report.findings:
        known_by = fingerprint(each)
        seen[known_by] += 1
        issues.append(
            {
                "description": sentence(each),
                "check_name": each.code,
                "fingerprint": known_by if seen[known_by] == 1 else f"{known_by}-{seen[known_by]}",
                "severity": _SEVERITIES[each.severity],
                "location": {
                    "path": relative(each.file) if each.file else ".",
                    "lines": {"begin": each.line or 1},
                },
            }
        )
    return json.dumps(issues, indent=2)
