"""Engines as Python says them, beside those of a document."""

from __future__ import annotations

import pytest

from cdk8s_inference import DeviceRequest, Engine, Member
from cdk8s_inference.spec import model_deployment as document

GPU = DeviceRequest.of("gpu", "true")


def engine(**fields: object) -> Engine:
    return Engine.standalone("a", image="i", devices=[GPU], **fields)  # type: ignore[arg-type]


def test_what_a_document_says_and_what_python_says_answer_the_same_questions() -> None:
    member = document.Member.of("Standalone", image="i", devices=[GPU])
    plain = document.Engine(name="a", phase="Decode", members=[member])
    assert (plain.stage, plain.rank_count, plain.every_pod_serves) == ("Decode", 1, False)
    assert member.device_resources == {}
    said = engine(phase="Decode")
    assert (said.stage, said.rank_count, said.every_pod_serves) == ("Decode", 1, False)
    assert said.members[0].device_resources == {}


def test_what_only_python_says() -> None:
    said = Engine(
        name="a",
        phase="Encode",
        ranks=8,
        serving_pods="every",
        members=[Member.of("Standalone", image="i", resources={"nvidia.com/gpu": 8})],
    )
    assert (said.stage, said.rank_count, said.every_pod_serves) == ("Encode", 8, True)
    assert said.members[0].device_resources == {"nvidia.com/gpu": 8}


def test_without_its_own_words_it_is_what_a_document_says() -> None:
    fields = {"image": "i", "args": ["--port=8000"], "labels": {"a": "b"}, "devices": [GPU]}
    said = Member.of("Worker", nodes=3, image_pull_secrets=["s"], **fields)  # type: ignore[arg-type]
    plain = document.Member.of(
        "Worker",
        nodes=3,
        image_pull_secrets=["s"],
        **fields,  # type: ignore[arg-type]
    )
    assert said.model_dump(exclude_none=True) == plain.model_dump(exclude_none=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [("ranks", "2"), ("ranks", 0), ("ranks", 9), ("serving_pods", "all"), ("phase", "Both")],
)
def test_what_is_none_of_its_values_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        Engine(
            name="a",
            members=[Member.of("Standalone", image="i", devices=[GPU])],
            **{field: value},  # type: ignore[arg-type]
        )
