"""Which violations of a schema are told, how sure of it, and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.findings import Edit, Finding
from cdk8s_inference.schemas import ClusterApi
from cdk8s_inference.source import Document, read
from tests.kit import examples

META = {"name": "a", "namespace": "llm"}


def found(*objects: Any, api: ClusterApi | None = None) -> list[Finding]:
    return check([Document(each) for each in objects], api=api)


def told(*objects: Any) -> set[tuple[str, str]]:
    return {(each.code, each.severity) for each in found(*objects) if each.severity != "note"}


def of_proxy(**spec: Any) -> dict[str, Any]:
    version = "gateway.envoyproxy.io/v1alpha1"
    return {"apiVersion": version, "kind": "EnvoyProxy", "metadata": META, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"loging": {}}, {("K001", "error")}),
        # Another release of the CRD may have it.
        ({"somethingNew": {}}, {("K001", "warning")}),
        ({"ipFamily": "IPv5"}, {("K004", "warning")}),
        ({"ipFamily": "ipv4"}, {("K004", "error")}),
        ({"logging": 3}, {("K002", "error")}),
    ],
)
def test_how_sure_of_a_crd(spec: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert told(of_proxy(**spec)) == expected


def test_what_is_only_a_patch() -> None:
    container = {"name": "vllm", "imagee": "vllm/vllm-openai:v0.23.0"}
    patch: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": META,
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    codes = told(patch)
    assert ("K001", "error") in codes
    assert ("K003", "error") not in codes


def test_another_rule_says_more() -> None:
    edit = Edit(
        "Deployment/prefill",
        "spec.template.spec.containers[0].resources.limits",
        {"memory": "64GB"},
    )
    assert told(*examples.base("disaggregated", edit)) == {("T633", "error")}


def test_lines_and_fixes() -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: llm}\ndata:\n  a: 1\n"
    documents, _ = read(text, "it.yaml")
    (finding,) = check(documents)
    assert (finding.code, finding.line, finding.path) == ("K002", 5, "data.a")
    assert finding.fix == 'quote it: "1"'


def test_a_kind_that_is_not_known_is_told_once() -> None:
    objects = [
        {"apiVersion": "example.com/v1", "kind": "Prompt", "metadata": {**META, "name": name}}
        for name in ("a", "b")
    ]
    (finding,) = found(*objects)
    assert (finding.code, finding.severity, len(finding.related)) == ("K010", "note", 1)
    api = ClusterApi(crds={("example.com/v1", "Prompt"): {"type": "object"}})
    assert found(*objects, api=api) == []


def test_a_release_of_kubernetes() -> None:
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "a"},
        "spec": {},
    }
    assert "K009" not in {each.code for each in found(policy)}
    (finding,) = found(policy, api=ClusterApi("1.34"))
    assert finding.code == "K009"


def test_values_that_are_filled_in_later() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "${NAME}_x"}}
    assert found(config) == []
