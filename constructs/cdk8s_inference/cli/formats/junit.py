"""Test results in the format of JUnit, which most CI systems show."""

from __future__ import annotations

from xml.etree import ElementTree

from cdk8s_inference.cli.formats import Report
from cdk8s_inference.cli.formats.places import relative, sentence, where
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.terminal import escaped

_ANY_FILE = "<none>"


def written(report: Report) -> str:
    """A suite for each file, with a case for each finding; one that passes where there is none.

    An error is a failure. Warnings and notes are skipped cases, which fail no pipeline.
    """
    of_file: dict[str, list[Finding]] = {file: [] for file in report.files}
    for each in report.findings:
        of_file.setdefault(each.file or _ANY_FILE, []).append(each)
    root = ElementTree.Element("testsuites", name="cdk8s-inference")
    for file, findings in of_file.items():
        failures = sum(each.severity == "error" for each in findings)
        place = escaped(relative(file))
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=place,
            tests=str(len(findings) or 1),
            failures=str(failures),
            errors="0",
            skipped=str(len(findings) - failures),
        )
        for each in findings:
            _case(suite, each, file, place)
        if not findings:
            ElementTree.SubElement(suite, "testcase", name="check", classname=place)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _case(suite: ElementTree.Element, finding: Finding, file: str, place: str) -> None:
    name = f"{finding.code} {where(finding).removesuffix(': ')}".strip()
    case = ElementTree.SubElement(suite, "testcase", name=escaped(name), classname=place)
    kind = "failure" if finding.severity == "error" else "skipped"
    told = ElementTree.SubElement(case, kind, message=escaped(finding.summary))
    if kind == "failure":
        told.set("type", finding.code)
    told.text = escaped(f"{file}:{finding.line or 1}: {sentence(finding)}")
