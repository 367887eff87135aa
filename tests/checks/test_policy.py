"""Which findings a project hears of."""

from __future__ import annotations

from datetime import date

import pytest

from cdk8s_inference.checks.policy import FileWaiver, Policy
from cdk8s_inference.checks.waiver import Waiver
from cdk8s_inference.findings import Finding

TODAY = date(2026, 8, 1)


def finding(code: str, file: str = "k8s/pool.yaml", *after: Finding) -> Finding:
    return Finding(code, "warning", "spec", "it is so", "change it", file, 1, consequences=after)


def codes(policy: Policy, *findings: Finding) -> list[str]:
    return [each.code for each in policy.applied(findings, TODAY)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(), ["T501", "T503", "K001"]),
        (Policy(select=("T5",)), ["T501", "T503"]),
        (Policy(ignore=("T5",)), ["K001"]),
        (Policy(select=("T503",), ignore=("T5",)), ["T503"]),
        (Policy(select=("T",), ignore=("T501",)), ["T503"]),
        (Policy(per_file_ignores={"k8s": ("T", "K001")}), []),
        (Policy(per_file_ignores={"*.json": ("T",)}), ["T501", "T503", "K001"]),
    ],
)
def test_selection(policy: Policy, expected: list[str]) -> None:
    assert codes(policy, finding("T501"), finding("T503"), finding("K001")) == expected


def test_what_follows_from_a_cause_that_is_ignored_is_told() -> None:
    found = finding("T501", "a.yaml", finding("T503"), finding("T504"))
    assert codes(Policy(ignore=("T501", "T504")), found) == ["T503"]
    (kept,) = Policy(ignore=("T504",)).applied([found], TODAY)
    assert [each.code for each in kept.consequences] == ["T503"]


def test_severities() -> None:
    policy = Policy(severities={"T5": "note", "T503": "error"})
    found = policy.applied([finding("T501"), finding("T503"), finding("K001")], TODAY)
    assert [each.severity for each in found] == ["note", "error", "warning"]


def test_waivers() -> None:
    waiver = FileWaiver(Waiver("T503", "short answers", date(2026, 12, 31)), ("k8s/*.yaml",))
    policy = Policy(waivers=(waiver,), file="pyproject.toml")
    there, elsewhere = policy.applied([finding("T503"), finding("T503", "b.yaml")], TODAY)
    assert there.severity == "note"
    assert there.message.endswith("(waived until 2026-12-31: short answers)")
    assert elsewhere.severity == "warning"


def test_waivers_that_do_nothing() -> None:
    expired = Policy(waivers=(FileWaiver(Waiver("T503", "x", date(2026, 1, 1))),), file="c.yaml")
    found = expired.applied([finding("T503")], TODAY)
    assert [(each.code, each.severity) for each in found] == [
        ("T503", "warning"),
        ("T003", "warning"),
    ]
    unused = Policy(waivers=(FileWaiver(Waiver("T503", "x")),), file="c.yaml")
    (told,) = unused.applied([], TODAY)
    assert (told.code, told.file) == ("T002", "c.yaml")
