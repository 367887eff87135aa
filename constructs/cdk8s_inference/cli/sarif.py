"""Findings as SARIF 2.1.0, which code hosts show beside a change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from cdk8s_inference.checks.coverage import Coverage
from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.terminal import escaped

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Sequence[Finding], covered: Coverage) -> str:
    """The findings as one SARIF log, with what was read as a property of the run."""
    codes = sorted({finding.code for finding in findings})
    driver = {
        "name": "cdk8s-inference",
        "version": version("cdk8s-inference"),
        "rules": [_rule(code) for code in codes],
    }
    results = [_result(finding, codes.index(finding.code)) for finding in findings]
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "results": results,
                "properties": {"summary": {"text": str(covered), **covered.as_dict()}},
            }
        ],
    }
    return json.dumps(log, indent=2)


def _rule(code: str) -> dict[str, Any]:
    rule = all_rules()[code]
    return {
        "id": code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"How to fix: {rule.fix}. Evidence: {rule.evidence}"},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": _text(finding)},
    }
    result["locations"] = _locations(finding.file, finding.line)
    related = []
    for place in finding.related:
        for location in _locations(place.file, place.line):
            location["message"] = {"text": f"{place.object} {place.path}"}
            related.append(location)
    if related:
        result["relatedLocations"] = related
    return result


def _text(finding: Finding) -> str:
    also = "".join(f" Also {each.code}: {each.summary}." for each in finding.consequences)
    return f"{_where(finding)}{finding.summary}. Fix: {finding.fix}.{also}"


def _where(finding: Finding) -> str:
    parts = " ".join(part for part in (finding.object, finding.path) if part)
    return f"{parts}: " if parts else ""


def _locations(file: str | None, line: int | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(os.fsencode(PurePath(file).as_posix()))}
    }
    if line is not None:
        physical["region"] = {"startLine": line}
    return [{"physicalLocation": physical}]


def github(findings: Iterable[Finding]) -> str:
    """The findings as annotations of a GitHub workflow, one a line."""
    return "\n".join(_annotation(finding) for finding in findings)


def _annotation(finding: Finding) -> str:
    level = {"error": "error", "warning": "warning", "note": "notice"}[finding.severity]
    properties = {"file": finding.file, "line": finding.line, "title": finding.code}
    given = ",".join(
        f"{key}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}"
        for key, value in properties.items()
        if value is not None
    )
    text = _escaped(_text(finding))
    return f"::{level} {given}::{text}"


def _escaped(text: str) -> str:
    """A text within a workflow command, which is shown in a log."""
    return escaped(text).replace("%", "%25")
