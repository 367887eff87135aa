"""SARIF 2.1.0, which code scanners exchange."""

from __future__ import annotations

import json
from importlib.metadata import metadata, version
from typing import Any

from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.cli.formats import Report
from cdk8s_inference.cli.formats.places import fingerprint, sentence, uri
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.explanation import as_markdown

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def written(report: Report) -> str:
    """The findings as one log, with what was read as a property of the run."""
    covered = report.covered
    codes = sorted({finding.code for finding in report.findings})
    pages = _documentation()
    driver: dict[str, Any] = {
        "name": "cdk8s-inference",
        "version": version("cdk8s-inference"),
        "rules": [_rule(code, pages) for code in codes],
    }
    if pages is not None:
        driver["informationUri"] = pages
    results = [_result(finding, codes.index(finding.code)) for finding in report.findings]
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


def _rule(code: str, pages: str | None) -> dict[str, Any]:
    rule = all_rules()[code]
    described: dict[str, Any] = {
        "id": code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        # Scanners show this in place of what a helpUri leads to.
        "help": {
            "text": f"How to fix: {rule.fix}. Evidence: {rule.grounds}",
            "markdown": as_markdown(rule),
        },
    }
    if rule.severity is not None:
        described["defaultConfiguration"] = {"level": rule.severity}
    if pages is not None:
        described["helpUri"] = f"{pages}/rules/{code}.md"
    return described


def _documentation() -> str | None:
    """Where the documentation is, as the metadata say: SARIF takes no relative address."""
    for each in metadata("cdk8s-inference").get_all("Project-URL", ()):
        name, _, address = each.partition(", ")
        if name == "Documentation":
            return str(address).rstrip("/")
    return None


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": sentence(finding)},
        "locations": _locations(finding.file, finding.line),
        "partialFingerprints": {"cdk8sInference/v1": fingerprint(finding)},
    }
    related = []
    for place in finding.related:
        for location in _locations(place.file, place.line):
            location["message"] = {"text": f"{place.object} {place.path}"}
            related.append(location)
    if related:
        result["relatedLocations"] = related
    if finding.waived is not None:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": finding.waived}
        ]
    return result


def _locations(file: str | None, line: int | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri(file)}}
    if line is not None:
        physical["region"] = {"startLine": line}
    return [{"physicalLocation": physical}]
