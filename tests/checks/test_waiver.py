from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cdk8s_inference.checks import Waiver, check
from cdk8s_inference.findings import Finding
from cdk8s_inference.source import Document
from tests.kit import examples

TODAY = date(2027, 3, 31)


def found(*waivers: Waiver, **annotations: str) -> list[Finding]:
    """The findings of T503's example, the route annotated."""
    objects: list[Any] = examples.broken("T503")
    route = next(each for each in objects if each["kind"] == "HTTPRoute")
    route["metadata"]["annotations"] = {
        f"cdk8s-inference/waive-{code}": value for code, value in annotations.items()
    }
    return check([Document(each) for each in objects], waivers=waivers, today=TODAY)


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.code, each.severity) for each in findings]


def test_without() -> None:
    assert told(found()) == [("T503", "warning")]


def test_in_code() -> None:
    (note,) = found(Waiver("T503", "answers are short"))
    assert (note.code, note.severity) == ("T503", "note")
    assert note.message.endswith("(waived: answers are short)")


def test_in_an_annotation() -> None:
    (note,) = found(T503="answers are short; until 2027-03-31")
    assert note.severity == "note"
    assert note.message.endswith("(waived until 2027-03-31: answers are short)")


@pytest.mark.parametrize(
    "annotation", ["answers are short; until 2027-03-30", "answers are short;until 2026-01-01"]
)
def test_expired(annotation: str) -> None:
    findings = found(T503=annotation)
    assert sorted(told(findings)) == [("T003", "warning"), ("T503", "warning")]


def test_expired_in_code() -> None:
    findings = found(Waiver("T503", "for now", until=date(2027, 3, 30)))
    assert sorted(told(findings)) == [("T003", "warning"), ("T503", "warning")]


def test_unused() -> None:
    assert sorted(told(found(T101="why not"))) == [("T002", "warning"), ("T503", "warning")]
    assert sorted(told(found(Waiver("T101", "why not")))) == [
        ("T002", "warning"),
        ("T503", "warning"),
    ]


@pytest.mark.parametrize(
    "annotation",
    [
        "",
        " ; until 2027-01-01",
        "so; until 2027-13-01",
        "so; until",
        "so; until June 2027",
        "so; until 20271231",
        "so; until 2027-12-31 or so",
    ],
)
def test_malformed(annotation: str) -> None:
    assert sorted(told(found(T503=annotation))) == [("T004", "warning"), ("T503", "warning")]


def test_a_waiver_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="waiver of T503 has no reason"):
        Waiver("T503", " ")


def test_an_annotation_is_about_its_object() -> None:
    """T109 is about the decode pods and the pool: either may say it, and nobody else."""
    for kind, name, waives in (
        ("Deployment", "decode", True),
        ("InferencePool", "qwen", True),
        ("Deployment", "prefill", False),
    ):
        objects: list[Any] = examples.broken("T109")
        for each in objects:
            if (each["kind"], each["metadata"]["name"]) == (kind, name):
                each["metadata"]["annotations"] = {"cdk8s-inference/waive-T109": "on purpose"}
        findings = check([Document(each) for each in objects], today=TODAY)
        assert ("T109", "error") not in told(findings) or not waives
        assert (("T002", "warning") in told(findings)) != waives


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("cdk8s-inference/waiveT503", "write cdk8s-inference/waive-T503"),
        ("cdk8s-inference/waive-t503", "write cdk8s-inference/waive-T503"),
        ("cdk8s-inferance/waive-T503", "write cdk8s-inference/waive-T503"),
        ("cdk8s-inference/waiver-T503", "write cdk8s-inference/waive-T503"),
        ("waiveT503", "write cdk8s-inference/waive-T503"),
        ("cdk8s-inference/waive-T999", "there is no code T999"),
    ],
)
def test_a_key_that_is_a_slip(key: str, fix: str) -> None:
    objects: list[Any] = examples.broken("T503")
    for each in objects:
        if each["kind"] == "HTTPRoute":
            each["metadata"]["annotations"] = {key: "answers are short"}
    findings = check([Document(each) for each in objects], today=TODAY)
    assert sorted(told(findings)) == [("T008", "warning"), ("T503", "warning")]
    (slip,) = (each for each in findings if each.code == "T008")
    assert slip.fix.startswith(fix)
