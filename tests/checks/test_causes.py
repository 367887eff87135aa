from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.checks.causes import Reported, one_per_cause
from cdk8s_inference.findings import Edit, Finding, Place, Severity
from cdk8s_inference.labels import recommended
from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology import KubeObject
from tests.kit import examples


def kube_object(name: str, labels: dict[str, str] | None = None) -> KubeObject:
    data: dict[str, Any] = {"kind": "Deployment", "metadata": {"name": name, "labels": labels}}
    return KubeObject(Document(data), Cursor(data))


def finding(
    code: str = "T901",
    message: str = "it is so",
    *,
    severity: Severity = "error",
    name: str = "a",
    path: str = "spec",
) -> Finding:
    return Finding(code, severity, path, message, "mend it", "f.yaml", 1, f"Deployment d/{name}")


A, B = kube_object("a"), kube_object("b")


def test_ports_of_one_pool_are_one_finding() -> None:
    ports = [{"number": number} for number in (8000, 8001, 8002)]
    objects = examples.base(
        "disaggregated",
        Edit("InferencePool/qwen", "spec.targetPorts", ports),
    )
    found = [
        each
        for each in check([Document(each) for each in objects])
        if each.code in ("T109", "T110")
    ]
    (only,) = found
    assert "8001, 8002" in only.message
    assert only.related[0].path == "spec.targetPorts[1].number"


def test_fields_of_one_object_that_differ_in_an_index() -> None:
    found = one_per_cause(
        [
            Reported(finding(message=f"port {number}", path=f"ports[{number}]"), (A,))
            for number in range(3)
        ],
        {},
    )
    assert [(each.path, each.count) for each in found] == [("ports[0]", 3)]
    assert [place.path for place in found[0].related] == ["ports[1]", "ports[2]"]


def test_other_words_or_objects_stay_apart() -> None:
    reported = [
        Reported(finding(message="has no name"), (A,)),
        Reported(finding(message="has no port"), (A,)),
        Reported(finding(message="has no name", name="b"), (B,)),
    ]
    assert one_per_cause(reported, {}) == [each.finding for each in reported]


def test_a_cause_that_the_rule_names() -> None:
    cause = Place("InferencePool d/p", "spec.targetPorts[0]")
    reported = [Reported(finding(), (A,), cause), Reported(finding(name="b"), (B,), cause)]
    (only,) = one_per_cause(reported, {})
    assert only.count == 2
    assert [place.object for place in only.related] == ["Deployment d/b"]


def test_replicas_of_one_deployment_are_one() -> None:
    reported = [
        Reported(
            finding(name=f"qwen-{index}"),
            (
                kube_object(
                    f"qwen-{index}",
                    recommended(name="x", instance="y", component="z", part_of=part_of),
                ),
            ),
        )
        for index, part_of in enumerate(("qwen", "qwen", "other"))
    ]
    assert [(each.object, each.count) for each in one_per_cause(reported, {})] == [
        ("Deployment d/qwen-0", 2),
        ("Deployment d/qwen-2", 1),
    ]


AFTER = {"T902": ("T901",), "T903": ("T902",)}


def test_consequences_are_told_with_their_cause() -> None:
    root, middle, last = finding(), finding("T902", "so that"), finding("T903", "and that")
    reported = [Reported(last, (A,)), Reported(root, (A, B)), Reported(middle, (B, A))]
    (only,) = one_per_cause(reported, AFTER)
    assert (only.code, only.consequences) == ("T901", (last, middle))
    assert "    also: T903 and that\n    also: T902 so that\n    fix: mend it" in str(only)
    assert [each["code"] for each in only.as_dict()["consequences"]] == ["T903", "T902"]


@pytest.mark.parametrize(
    ("severity", "objects"), [("warning", (A,)), ("error", (B,)), ("error", ())]
)
def test_no_consequence(severity: Severity, objects: tuple[KubeObject, ...]) -> None:
    """What is worse is not hidden in what is not, and other objects have other causes."""
    reported = [
        Reported(finding(severity=severity), objects),
        Reported(finding("T902"), (A,)),
    ]
    assert len(one_per_cause(reported, AFTER)) == 2


def test_causes_that_imply_each_other() -> None:
    reported = [Reported(finding("T901"), (A,)), Reported(finding("T902"), (A,))]
    (only,) = one_per_cause(reported, {"T901": ("T902",), "T902": ("T901",)})
    assert (only.code, [each.code for each in only.consequences]) == ("T901", ["T902"])


def test_three_places_are_shown_and_how_many_more() -> None:
    places = tuple(Place("Pod", f"x[{index}]") for index in range(5))
    found = Finding("T901", "note", "", "it is so", "mend it", related=places, count=6)
    assert str(found).splitlines() == [
        "note[T901] it is so (and 5 more of the same cause)",
        "    see: Pod x[0]",
        "    see: Pod x[1]",
        "    see: Pod x[2]",
        "    and 2 more",
        "    fix: mend it",
    ]
    assert found.as_dict()["count"] == 6
    assert found.as_dict()["related"]["path"] == "x[0]"
    assert len(found.as_dict()["related_places"]) == 5
