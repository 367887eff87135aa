"""Engines as Python says them, beside those of a document."""

from __future__ import annotations

import pytest

from cdk8s_inference import DeviceRequest, Engine, Member
from cdk8s_inference.document import model_deployment as document
from tests.document.builders import accepted, prefill_decode

GPU = DeviceRequest.of("gpu", "true")


def engine(**fields: object) -> Engine:
    return Engine.standalone("a", image="i", devices=[GPU], **fields)  # type: ignore[arg-type]


def test_what_a_document_says_and_what_python_says_answer_the_same_questions() -> None:
    found = accepted(prefill_decode()).spec.template.spec.engines
    assert {type(engine) for engine in found} == {document.Engine}
    for read, said in zip(found, (engine(phase="Prefill"), engine(phase="Decode")), strict=True):
        assert (read.stage, said.stage) == (read.phase, read.phase)
        assert (read.rank_count, said.rank_count) == (1, 1)
        assert (read.every_pod_serves, said.every_pod_serves) == (False, False)
        assert (read.members[0].device_resources, said.members[0].device_resources) == ({}, {})


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
