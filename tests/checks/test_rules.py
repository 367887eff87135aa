"""Every rule catches its own example, alone, and is silent about what mends it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cdk8s_inference.cel.evaluation import can_evaluate
from cdk8s_inference.checks import RULES, check, rule
from cdk8s_inference.findings import Finding, Rule
from cdk8s_inference.source import Document, read
from cdk8s_inference.topology import Topology
from tests.kit import examples

SHOWN = {
    code: each
    for code, each in RULES.items()
    # There is no release of the runtime of CEL for every Python.
    if each.example is not None and (code != "K011" or can_evaluate())
}
SHAPES: tuple[Any, ...] = (None, [], {}, "x", -1, True, "9" * 5000)
BASES = ("disaggregated", "gang", "inference-extension", "sglang", "standalone", "substrate")


def found(objects: list[Any]) -> list[Finding]:
    """Findings of what is written as text, so that each has a line."""
    documents, problems = read(yaml.safe_dump_all(objects, sort_keys=False).encode(), "it.yaml")
    assert not problems
    return check(documents)


@pytest.mark.parametrize("base", BASES)
def test_the_examples_are_clean(base: str) -> None:
    assert found(examples.base(base)) == []


@pytest.mark.parametrize("rule", SHOWN.values(), ids=SHOWN)
def test_the_broken_one_is_caught_by_this_rule_alone(rule: Rule[Topology]) -> None:
    findings = found(examples.broken(rule.code))
    assert {each.code for each in findings} == {rule.code}, [str(each) for each in findings]
    assert {each.severity for each in findings} == {rule.severity}
    for each in findings:
        assert each.file == "it.yaml"
        assert each.line
        assert each.object
        assert each.message
        assert all(place.line for place in each.related)


@pytest.mark.parametrize("rule", SHOWN.values(), ids=SHOWN)
def test_the_example_is_a_change_of_a_deployment_that_works(rule: Rule[Topology]) -> None:
    assert rule.example is not None
    assert rule.example.base in BASES
    assert rule.example.broken != rule.example.fixed
    assert rule.example.difference()


def test_a_code_is_of_one_rule() -> None:
    with pytest.raises(ValueError, match="two rules have the code T101"):
        rule("T101", "error", "", why="", evidence="", fix="", example=None)(
            lambda topology: iter(())
        )


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"kind": "List", "items": [None, 3, {"kind": "Deployment"}]},
        {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [None, "x", {}]}}}},
        {"kind": "InferencePool", "apiVersion": "inference.networking.k8s.io/v1", "spec": []},
        {"kind": "LeaderWorkerSet", "spec": {"leaderWorkerTemplate": {"size": "two"}}},
        {"kind": "HTTPRoute", "spec": {"rules": [{"backendRefs": "x"}], "parentRefs": [1]}},
        {"kind": "Service", "spec": {"selector": 1, "ports": [{"port": "x"}]}},
    ],
    ids=str,
)
def test_never_fails(data: Any) -> None:
    check([Document(data)])


@pytest.mark.parametrize("base", BASES)
def test_never_fails_whatever_a_field_holds(base: str) -> None:
    """Each field of the examples once as a value of another shape, eight far apart at a time."""
    paths = [
        (index, *path)
        for index, target in enumerate(examples.base(base))
        for path in _paths(target)
    ]
    stride = -(-len(paths) // 8)
    for turn in range(stride):
        objects = examples.base(base)
        for path in reversed(paths[turn::stride]):  # what holds another one comes last
            _set(objects, path, SHAPES[turn % len(SHAPES)])
        check([Document(each) for each in objects])


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    below = [each for key, child in children for each in _paths(child, (*path, key))]
    return [path, *below] if path else below


def _set(target: Any, path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
