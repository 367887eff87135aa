"""Whatever is written: an answer, no exception, and memory within bounds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdk8s_inference.document.validation import check
from cdk8s_inference.findings import errors
from cdk8s_inference.source import Document
from tests.document.builders import (
    as_yaml,
    at,
    everything,
    everything_current,
    two_engines,
    under_spec,
    unified,
    walk,
)
from tests.document.hostile import answer
from tests.document.test_differential import PROFILE

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
