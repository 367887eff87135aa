from __future__ import annotations

import pytest

from cdk8s_inference.picker_config.example_configs import WORKS
from cdk8s_inference.picker_config.standalone import embedded_findings, standalone_findings
from cdk8s_inference.source import Document, read


def document(text: str) -> Document:
    (found,), problems = read(text.encode(), "it.yaml")
    assert not problems
    return found


def indented(text: str) -> str:
    return "".join(f"      {line}\n" for line in text.splitlines())


def test_one_that_works_is_clean() -> None:
    assert standalone_findings(document(WORKS)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # No release has it.
        ("queue-scorer", "queue-scores", ("P106", "error", 6)),
        # The handler asks for prefill: it is meant to disaggregate.
        ("nonCachedTokens: 16", "nonCachedTokens: 0", ("P304", "warning", 12)),
    ],
)
def test_what_every_release_reports(old: str, new: str, expected: tuple[str, str, int]) -> None:
    found = standalone_findings(document(WORKS.replace(old, new, 1)))
    assert expected in [(each.code, each.severity, each.line) for each in found]


def test_what_one_release_reports_is_a_note() -> None:
    text = WORKS.replace("plugins:", "featureGates: [dataLayer]\nplugins:", 1)
    (finding,) = standalone_findings(document(text))
    assert (finding.code, finding.severity) == ("P105", "note")
    assert "router v0.10.0" in finding.message


def test_values_of_a_chart_are_judged_at_their_own_lines() -> None:
    text = f"inferenceExtension:\n  config:\n    it.yaml: |\n{indented(WORKS)}"
    assert list(embedded_findings(document(text))) == []
    (finding,) = embedded_findings(document(text.replace("weight: 2", "wieght: 2")))
    assert (finding.code, finding.line) == ("P103", 3 + WORKS.count("\n"))
    assert finding.path.startswith("inferenceExtension.config[it.yaml]: ")


def test_a_template_is_not_judged() -> None:
    text = f"config: |\n{indented(WORKS.replace('weight: 2', 'weight: {{ .weight }}'))}"
    assert list(embedded_findings(document(text))) == []
