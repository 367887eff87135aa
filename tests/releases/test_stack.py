"""The matrix, and the facts that it rests on."""

from __future__ import annotations

import doctest
from dataclasses import asdict, fields, replace

import pytest

from cdk8s_inference.releases import stack
from cdk8s_inference.releases.crds import Project, crds_of
from cdk8s_inference.releases.stack import (
    KNOWN,
    MATRIX,
    STACK_MODELPLANE,
    STACK_NEWEST,
    STACKS,
    Span,
    StackVersions,
    incompatibilities,
    nearest,
    number,
)

PARTS = frozenset(field.name for field in fields(StackVersions))
PROJECTS: dict[str, Project] = {
    "gateway_api": "gateway-api",
    "inference_extension": "gateway-api-inference-extension",
    "envoy_gateway": "envoy-gateway",
    "leader_worker_set": "lws",
}


@pytest.mark.parametrize("versions", STACKS.values(), ids=STACKS)
def test_the_sets_fit_by_their_own_rules(versions: StackVersions) -> None:
    for kubernetes in (None, "1.34", "v1.35.4"):
        assert incompatibilities(versions, PARTS, kubernetes) == []


def test_the_default_is_newer_than_modelplanes() -> None:
    newest, seed = asdict(STACK_NEWEST), asdict(STACK_MODELPLANE)
    assert all(number(newest[part]) >= number(seed[part]) for part in newest)
    assert newest["ai_gateway"] != seed["ai_gateway"]


@pytest.mark.parametrize(("part", "project"), PROJECTS.items())
def test_a_known_release_is_one_whose_crds_are_known(part: str, project: Project) -> None:
    for release in KNOWN[part]:
        assert crds_of(project, release)
    assert crds_of(project, "v0.0.0") == []


def test_every_rule_is_of_known_parts_and_says_where_it_comes_from() -> None:
    for fit in MATRIX:
        assert {fit.part, *fit.needs} <= {*PARTS, "kubernetes"}
        assert fit.source.startswith("https://")


def test_parts_that_are_not_installed_do_not_matter() -> None:
    odd = replace(STACK_NEWEST, gateway_api="v9")
    assert incompatibilities(odd, PARTS)
    assert incompatibilities(odd, PARTS - {"gateway_api"}) == []


def test_a_v_makes_no_difference() -> None:
    assert incompatibilities(replace(STACK_NEWEST, envoy_gateway="1.8.3"), PARTS) == []


@pytest.mark.parametrize(
    ("span", "inside", "outside"),
    [
        (Span("1.8.1", "1.8"), ["1.8.1", "v1.8.3", "1.8.99"], ["1.8.0", "1.9.0", "1.7"]),
        (Span("1.32", "1.35"), ["1.32", "1.35.9", "v1.33.1-gke.1"], ["1.31.9", "1.36"]),
        (Span("1.34"), ["1.34.0", "2.0"], ["1.33.9"]),
    ],
)
def test_spans(span: Span, inside: list[str], outside: list[str]) -> None:
    assert all(version in span for version in inside)
    assert not any(version in span for version in outside)


@pytest.mark.parametrize(
    ("part", "version", "expected"),
    [
        ("envoy_gateway", "v1.8.2", "v1.8.3"),
        ("envoy_gateway", "v1.10.0", "v1.9.0"),
        ("envoy_gateway", "v1.7.0", "v1.8.1"),
        ("leader_worker_set", "v0.9.0", "v0.8.0"),
    ],
)
def test_the_nearest_known_release(part: str, version: str, expected: str) -> None:
    assert nearest(part, version) == expected


def test_examples_in_docstrings_hold() -> None:
    result = doctest.testmod(stack)
    assert result.attempted > 0
    assert result.failed == 0
