from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology import KubeObject, Selector
from cdk8s_inference.topology.selector import label_map, label_selector, written_selector

OBJECT = KubeObject(Document({}), Cursor({}))
LABELS = {"app": "it", "tier": "a"}


def expression(operator: Any, *values: str, key: Any = "tier") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": [*values]}]}


def read(written: Any) -> Selector:
    return label_selector(OBJECT, Cursor(written)).value


@pytest.mark.parametrize(
    ("written", "matches"),
    [
        ({"matchLabels": {"app": "it"}}, True),
        ({"matchLabels": {"app": "it", "tier": "b"}}, False),
        (expression("In", "a", "b"), True),
        (expression("In", "b"), False),
        (expression("In", "a", key="zone"), False),
        (expression("NotIn", "b"), True),
        (expression("NotIn", "a"), False),
        (expression("NotIn", "a", key="zone"), True),
        (expression("Exists"), True),
        (expression("Exists", key="zone"), False),
        (expression("DoesNotExist", key="zone"), True),
        (expression("DoesNotExist"), False),
        ({"matchLabels": {"app": "it"}, **expression("In", "b")}, False),
        ({"matchLabels": {"app": "it"}, **expression("Exists")}, True),
        # Nothing is asked.
        ({}, True),
        ({"matchLabels": {}}, True),
        ({"matchExpressions": []}, True),
        (None, False),
        # What the API server refuses selects nothing.
        (expression("Equals", "a"), False),
        (expression(None), False),
        (expression("In", "a", key=3), False),
        ({"matchLabels": 3}, False),
        ({"matchExpressions": ["x"]}, False),
        ("x", False),
    ],
    ids=str,
)
def test_what_it_matches(written: Any, matches: bool) -> None:
    assert read(written).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("written", "matches"),
    [({"app": "it"}, True), ({"app": "x"}, False), ({}, False), (None, False), ("x", False)],
    ids=str,
)
def test_labels_alone(written: Any, matches: bool) -> None:
    assert label_map(OBJECT, Cursor(written)).value.matches(LABELS) is matches


def test_for_people() -> None:
    both = {"matchLabels": {"app": "it"}, **expression("NotIn", "a", "b")}
    assert str(read(both)) == "{'app': 'it'} and tier notin (a, b)"
    assert str(read(expression("DoesNotExist"))) == "!tier"
    assert str(read({})) == "{}"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ({"matchLabels": {"app": "it"}, **expression("Exists")}, ("matchLabels",)),
        (expression("Exists"), ("matchExpressions",)),
        (None, ("matchLabels",)),
    ],
    ids=str,
)
def test_where_it_is(written: Any, path: tuple[str, ...]) -> None:
    assert label_selector(OBJECT, Cursor(written)).path == path


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("app=it", True),
        ("app==it, tier=a", True),
        ("app=it,tier=b", False),
        ("app=it,app=other", False),
        ("tier in (a, b),app", True),
        ("tier notin (a)", False),
        ("tier!=b", True),
        ("!zone", True),
        ("! app", False),
    ],
)
def test_selectors_as_flags_have_them(text: str, matches: bool) -> None:
    found = written_selector(text)
    assert found is not None
    assert found.matches(LABELS) is matches


@pytest.mark.parametrize("text", ["", "app=it=other", "app in a", "tier in (a", "=it"])
def test_no_selectors(text: str) -> None:
    assert written_selector(text) is None
