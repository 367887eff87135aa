from __future__ import annotations

import pytest

from cdk8s_inference import Component, HelmChart
from cdk8s_inference.stack.component import merge, stages


def names(*components: Component) -> list[list[str]]:
    return [[component.name for component in stage] for stage in stages(components)]


def test_a_stage_needs_only_earlier_ones_and_keeps_the_order_given() -> None:
    a, b = Component("a", after=("c", "b")), Component("b", after=("c",))
    c, d = Component("c"), Component("d")
    assert names(a, b, c, d) == [["c", "d"], ["b"], ["a"]]
    assert names(d, c) == [["d", "c"]]


def test_what_is_not_there_holds_up_nothing() -> None:
    assert names(Component("a", after=("elsewhere",))) == [["a"]]


def test_a_circle_is_refused_and_named() -> None:
    with pytest.raises(ValueError, match="wait for each other"):
        names(Component("a", after=("b",)), Component("b", after=("a",)))


def test_values_merge_as_helm_does() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    over = {"a": {"c": [3], "e": None}, "d": {"f": 2}}
    assert merge(base, over) == {"a": {"b": 1, "c": [3], "e": None}, "d": {"f": 2}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_charts() -> None:
    assert HelmChart("oci://registry.example.com/charts", "a", "1").is_oci
    assert HelmChart("oci://registry.example.com/charts", "a", "1").url == (
        "oci://registry.example.com/charts/a"
    )
    assert not HelmChart("https://charts.example.com", "a", "1").is_oci
