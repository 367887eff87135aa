"""Rules of CRDs in CEL: the verdict about an object, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.cel import evaluation
from cdk8s_inference.checks.coverage import coverage
from cdk8s_inference.findings import field_path
from cdk8s_inference.schemas import ClusterApi
from cdk8s_inference.source import read
from cdk8s_inference.topology import read_topology
from tests.schemas.rule_cases import CASES, EXAMPLE_CRD, schemas_of

API = ClusterApi(crds=schemas_of(EXAMPLE_CRD))

needs_cel = pytest.mark.skipif(
    not evaluation.can_evaluate(), reason="there is no release of the runtime for this Python"
)


def violations(kind: str, **spec: Any) -> list[tuple[str, str, list[str]]]:
    version, _, name = kind.partition(" ")
    value = {"apiVersion": version, "kind": name, "metadata": {"name": "rule"}, "spec": spec}
    found = API.violations(version, name, value)
    assert all(each.problem == "rule" for each in found)
    return [
        (field_path(each.path), each.message, [*map(field_path, each.related)]) for each in found
    ]


@needs_cel
def test_the_verdict_is_that_of_an_api_server() -> None:
    wrong = []
    for case in CASES:
        value = case.object
        found = API.violations(value["apiVersion"], value["kind"], value)
        if bool(found) == case.is_taken:
            wrong.append(str(case))
        assert {each.problem for each in found} <= {"rule"}, str(case)
    assert wrong == []


@needs_cel
@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        (
            "gateway.networking.k8s.io/v1 HTTPRoute",
            {"rules": [{"timeouts": {"request": "1s", "backendRequest": "5s"}}]},
            (
                "spec.rules[0].timeouts.request",
                "request is '1s', backendRequest is '5s'",
                ["spec.rules[0].timeouts.backendRequest"],
            ),
        ),
        (
            "gateway.networking.k8s.io/v1 Gateway",
            {
                "gatewayClassName": "x",
                "listeners": [
                    {"name": "a", "port": port, "protocol": "HTTP"} for port in range(80, 86)
                ],
            },
            ("spec.listeners", "name is 'a', 'a', 'a', 'a' and 2 more", []),
        ),
        ("example.com/v1 Ruled", {"name": "abcd"}, ("spec.name", "is 'abcd'", [])),
        (
            "example.com/v1 Ruled",
            {"mode": "Slow"},
            ("spec.mode", "mode is 'Slow', speed is not set", []),
        ),
        (
            "example.com/v1 Ruled",
            {"namespace": "kube-system"},
            ("spec.namespace", "namespace is 'kube-system'", []),
        ),
    ],
)
def test_both_values_are_told(
    kind: str, spec: dict[str, Any], expected: tuple[str, str, list[str]]
) -> None:
    ((path, message, related),) = violations(kind, **spec)
    said, separator, rule = message.partition("; must be true: ")
    assert (path, said, related) == expected
    assert separator
    assert rule


@needs_cel
@pytest.mark.parametrize(
    "spec",
    [
        # What replaces it may be right.
        {"parentRefs": [{"name": "${GATEWAY}"}, {"name": "${GATEWAY}"}]},
        {"parentRefs": [{"name": "<your-gateway>"}, {"name": "<your-gateway>"}]},
    ],
)
def test_a_placeholder_breaks_no_rule(spec: dict[str, Any]) -> None:
    assert violations("gateway.networking.k8s.io/v1 HTTPRoute", **spec) == []


def test_no_rule_is_evaluated_of_what_is_wrong_otherwise() -> None:
    value = {"parentRefs": [{"name": "a"}, {"name": "a"}], "hostnames": 3}
    version, kind = "gateway.networking.k8s.io/v1", "HTTPRoute"
    found = API.violations(version, kind, {"metadata": {"name": "a"}, "spec": value})
    assert {each.problem for each in found} == {"type"}


@needs_cel
@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("self.unknown() == 1", 1),
        ("format.dns1123Label().validate(self) == null", "a"),
        ("self.absent == 1", {}),
        ("self == oldSelf", 1),
        ("((((", 1),
        ("self", "text"),
        ("1 / self == 1", 0),
        ("quantity(self).isLessThan(quantity('1'))", "x"),
        ("self == 1", 2**80),
    ],
)
def test_a_rule_that_cannot_be_evaluated_says_nothing(rule: str, value: Any) -> None:
    assert evaluation.holds(rule, value) is None


def test_nothing_is_said_without_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "can_evaluate", lambda: False)
    evaluation._compiled.cache_clear()
    assert evaluation.holds("self == 1", 2) is None
    evaluation._compiled.cache_clear()


@needs_cel
def test_a_large_value_is_left_alone() -> None:
    listeners = [{"name": "a", "port": 80, "protocol": "HTTP"}] * 800
    large = {"gatewayClassName": "x", "listeners": listeners}
    value = {"metadata": {"name": "a"}, "spec": large}
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "x-kubernetes-validations": [{"rule": "false"}],
            }
        },
    }
    api = ClusterApi(crds={("example.com/v1", "Large"): schema})
    assert api.violations("example.com/v1", "Large", value) == []
    assert api.violations("example.com/v1", "Large", {"metadata": {"name": "a"}, "spec": {}})


def test_a_default_decides_a_branch() -> None:
    """An address without a type is an IPAddress, and fits that branch alone."""
    spec = {
        "gatewayClassName": "x",
        "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}],
        "addresses": [{"value": "10.0.0.1"}],
    }
    assert violations("gateway.networking.k8s.io/v1 Gateway", **spec) == []


def test_the_summary_names_rules_that_were_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(text: str) -> tuple[str, ...]:
        documents, _ = read(text.encode())
        return coverage(read_topology(documents)).unread

    route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\n"
    monkeypatch.setattr("cdk8s_inference.checks.coverage.can_evaluate", lambda: False)
    [told] = unread(route)
    assert told.startswith("CEL rules (")
    assert unread("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n") == ()
    monkeypatch.setattr("cdk8s_inference.checks.coverage.can_evaluate", lambda: True)
    assert unread(route) == ()


@needs_cel
@pytest.mark.parametrize(
    ("check", "is_told"),
    [
        # As charts for GKE have it: other rules of this value read portSpecification, and fail.
        ({"requestPath": "/health", "port": 8000}, False),
        ({"requestPath": "/health", "port": 80, "portSpecification": "USE_SERVING_PORT"}, True),
    ],
)
def test_rules_beside_one_that_fails(check: dict[str, Any], is_told: bool) -> None:
    config = {"type": "HTTP", "httpHealthCheck": check}
    target = {"group": "", "kind": "Service", "name": "a"}
    spec: dict[str, Any] = {"default": {"config": config}, "targetRef": target}
    assert bool(violations("networking.gke.io/v1 HealthCheckPolicy", **spec)) is is_told
