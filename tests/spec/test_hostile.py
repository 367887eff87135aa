"""Whatever is written: an answer, no exception, and memory within bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdk8s_inference.findings import errors
from cdk8s_inference.spec.document import check
from cdk8s_inference.spec.source import Document
from tests.spec.builders import (
    as_yaml,
    at,
    everything,
    everything_current,
    two_engines,
    under_spec,
    unified,
    walk,
)
from tests.spec.hostile import HOSTILE, VALID, answer, contents
from tests.spec.test_differential import PROFILE

MEMORY = 512 * 1024
"""KiB beyond what the interpreter holds. The most is needed where 190,000 values are wrong, of
which pydantic says everything."""


def test_two_hundred_contents() -> None:
    # In one process of their own, whose memory says nothing of the other tests.
    run = subprocess.run(
        [sys.executable, "-m", "tests.spec.hostile"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    names = list(contents())
    # The first without an answer is where an exception was raised.
    assert run.returncode == 0, (names[len(answers)], run.stderr)
    assert [each["name"] for each in answers] == names
    assert len(names) >= 200
    start = answers[0]["before"]
    for each in answers:
        name, composed, refused = each["name"], each["deployments"], each["refused"]
        assert refused or (composed and composed == each["documents"]), name
        assert each["longest"] < 1000, name
        assert each["after"] - start < MEMORY, name
        if name.startswith(tuple(f"{valid}." for valid in VALID)):
            assert (composed, refused) == (1, False), name
        elif name in HOSTILE:
            assert refused != (name == "valid-documents"), name
    damaged = [each["refused"] for each in answers if each["name"].startswith(("damaged", "odd"))]
    assert any(damaged)
    assert not all(damaged)


any_text = st.text(max_size=8) | st.sampled_from(["\ud800", "\udfffa"])
any_key = any_text | st.none() | st.booleans() | st.integers() | st.floats()
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_key, inner, max_size=4),
    max_leaves=8,
)


def _checked(data: Any) -> None:
    deployment, found = check(Document(data))
    assert (deployment is None) == bool(errors(found))
    for finding in found:
        assert str(finding)
        json.dumps(finding.as_dict())


@PROFILE
@given(any_json)
def test_no_value_is_too_odd(data: Any) -> None:
    _checked(data)
    _checked({**unified(), "spec": data})


@PROFILE
@given(st.data())
def test_no_value_is_too_odd_anywhere(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([everything_current, everything, two_engines]))()
    document = under_spec(base) if data.draw(st.booleans()) else base
    for _ in range(data.draw(st.integers(1, 3))):
        places = [path for path, _ in walk(document) if path]
        path = data.draw(st.sampled_from(places))
        parent = at(document, path[:-1])
        if isinstance(parent, dict) and data.draw(st.booleans()):
            parent[data.draw(any_text)] = data.draw(any_json)
        else:
            parent[path[-1]] = data.draw(any_json)
    _checked(document)


SYNTAX_CHARACTERS = "-?:,[]{}#&*!|>'\"%@` \n\t\0a1<=~.\ufeff\x85\u2028"


@PROFILE
@given(st.binary(max_size=200) | st.text(SYNTAX_CHARACTERS, max_size=60).map(str.encode))
def test_no_content_is_too_odd(content: bytes) -> None:
    answer(content)


TEXTS = [as_yaml(everything_current()), json.dumps(everything_current()), "&a {<<: *a}\n--- [1]"]
SYNTAX = st.text(SYNTAX_CHARACTERS, max_size=6)


@PROFILE
@given(st.data())
def test_no_damage_is_too_odd(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        text = text[:start] + data.draw(SYNTAX) + text[start + data.draw(st.integers(0, 4)) :]
    answer(text.encode())
