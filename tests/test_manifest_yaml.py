"""Objects as YAML are the bytes that cdk8s writes."""

from __future__ import annotations

from typing import Any

import pytest
from cdk8s import Yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk8s_inference.manifest_yaml import stringify

PIECES = (
    *"ab1 0-:#\n\t\"'\\{}[]%.,?&*!|>@`~yn=e+_/é\u2028\x07\x1b\x00\x85\xa0\r😀",
    *("true", "null", "1e3", "0x1f", "12:30", "2020-01-01", "<<", "---", "...", "\n\n", " \n"),
    *(": ", " #", "- ", "\\n", "a long line of words that goes on and on "),
)
"""What a scalar's style depends on."""

texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
numbers = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from([0.5, 1.0, 1e-7, 2.5e-5, 1e21, 1e22, 123456789.25, -0.0]),
)
values = st.recursive(
    texts | numbers | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.lists(st.dictionaries(texts, values, min_size=1, max_size=3), min_size=1, max_size=4))
def test_any_objects(objects: list[dict[str, Any]]) -> None:
    assert stringify(objects) == Yaml.stringify(*objects)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        [[], {}, [[1]]],
        {"10": 1, "b": 2, "9": 3, "01": 4},
        {"y": "y", "yes": "No", "on": "off", "~": "null", "": ""},
        "#!/bin/sh\nset -e\nexec vllm serve\n",
        "  indented\n at first\n\n\n",
        "\n\n",
        "{{ .Values }}",
        '--kv-transfer-config={"kv_connector":"NixlConnector"}',
        'it\'s "both"',
    ],
)
def test_one_value(value: Any) -> None:
    assert stringify([{"key": value}]) == Yaml.stringify({"key": value})
