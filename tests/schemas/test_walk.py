"""What schemas say against values, where, and what to write instead."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from cdk8s_inference.schemas import ClusterApi, violations
from tests.kit import examples

ANY = ClusterApi()
CONTAINER: dict[str, Any] = {"name": "vllm", "image": "vllm/vllm-openai:v0.23.0"}
ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "qwen"},
}


def of_container(**fields: Any) -> list[tuple[str, str | None]]:
    spec = {"containers": [{**CONTAINER, **fields}]}
    return [(each.message, each.fix) for each in violations("v1", "PodSpec", spec)]


@pytest.mark.parametrize(
    ("fields", "message", "fix"),
    [
        (
            {"imagee": "x"},
            "Container has no field imagee",
            "did you mean image? If not, remove it",
        ),
        (
            {"image_pull_policy": "Always"},
            "Container has no field image_pull_policy",
            "did you mean imagePullPolicy? If not, remove it",
        ),
        (
            {"nodeSelector": {}},
            "Container has no field nodeSelector",
            "it is a field one level above: move it",
        ),
        ({"tty": "true"}, "is 'true', a string; must be true or false", "remove the quotes: true"),
        ({"args": "--port=1"}, "is '--port=1', a string; must be a list", "write a list"),
        ({"workingDir": 1}, "is 1, an integer; must be a string", 'quote it: "1"'),
        ({"ports": [{"containerPort": 1.5}]}, "is 1.5, a number; must be an integer", None),
        (
            {"ports": [{}]},
            "ContainerPort needs containerPort, which is missing",
            "add containerPort",
        ),
        (
            {"resources": {"limits": {"memory": "64G1"}}},
            "'64G1' is no quantity",
            "write 64Gi, or 64G for powers of 1000",
        ),
        ({"resources": {"limits": {"memory": "64GB"}}}, "'64GB' is no quantity", "write 64G"),
        ({"resources": {"limits": {"memory": "64gib"}}}, "'64gib' is no quantity", "write 64Gi"),
        (
            {"livenessProbe": {"httpGet": {"port": True}}},
            "is True, true or false; must be a string or an integer",
            None,
        ),
    ],
)
def test_of_a_container(fields: dict[str, Any], message: str, fix: str | None) -> None:
    ((said, mend),) = of_container(**fields)
    assert said == message
    assert (mend or "").startswith(fix or "")


@pytest.mark.parametrize(
    "fields",
    [
        {"ports": [{"containerPort": 8000.0}]},
        {"env": None},
        {"workingDir": "${DIR}", "tty": "{{ .tty }}"},
        {"resources": {"limits": {"nvidia.com/gpu": 1, "memory": "1.5Gi", "cpu": 0.5}}},
        {"livenessProbe": {"httpGet": {"port": "http"}}},
    ],
    ids=str,
)
def test_what_an_api_server_takes(fields: dict[str, Any]) -> None:
    assert of_container(**fields) == []


def route(rule: dict[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    value = {**ROUTE, "spec": {"rules": [rule]}}
    found = violations(ROUTE["apiVersion"], ROUTE["kind"], value)  # type: ignore[arg-type]
    return [(each.path[3:], each.message) for each in found]


@pytest.mark.parametrize(
    ("rule", "path", "message"),
    [
        (
            {"matches": [{"path": {"type": "Prefix", "value": "/"}}]},
            ("matches", 0, "path", "type"),
            "is 'Prefix'; must be one of Exact, PathPrefix, RegularExpression",
        ),
        (
            {"backendRefs": [{"name": "a", "port": 70000}]},
            ("backendRefs", 0, "port"),
            "is 70000; must be at most 65535",
        ),
        (
            {"timeouts": {"request": "60"}},
            ("timeouts", "request"),
            "'60' does not match ^([0-9]{1,5}(h|m|s|ms)){1,4}$",
        ),
        ({"backendRefs": [{"name": ""}]}, ("backendRefs", 0, "name"), "is empty; at least 1"),
        (
            {"backendRefs": [{"name": "a"}] * 17},
            ("backendRefs",),
            "has 17 items, at most 16 are allowed",
        ),
    ],
)
def test_of_a_crd(rule: dict[str, Any], path: tuple[Any, ...], message: str) -> None:
    ((at, said),) = route(rule)
    assert at == path
    assert said.startswith(message)


def test_branches() -> None:
    value = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": {"name": "a"},
        "spec": {"acme": {"server": "x", "privateKeySecretRef": {"name": "a"}, "solvers": []}},
    }
    assert violations("cert-manager.io/v1", "Issuer", value) == []
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "a"},
        "spec": {
            "host": "a",
            "trafficPolicy": {"loadBalancer": {"simple": "RANDOM", "consistentHash": {}}},
        },
    }
    (found,) = (
        each
        for each in violations("networking.istio.io/v1", "DestinationRule", rule)
        if each.path[-1] == "loadBalancer"
    )
    assert found.problem == "value"


def test_names_and_labels() -> None:
    value = {
        "metadata": {
            "name": "A_b",
            "namespace": "a.b",
            "labels": {"team": "a b", "a b": ""},
            "annotations": {"example.com/A": "free text", "-": ""},
        }
    }
    found = violations("v1", "ConfigMap", value)
    assert {each.problem for each in found} == {"name"}
    assert [each.path[1:] for each in found] == [
        ("labels", "team"),
        ("labels", "a b"),
        ("annotations", "-"),
        ("name",),
        ("namespace",),
    ]


def test_parts_of_objects_lack_nothing() -> None:
    part = {"containers": [{"imagee": "x"}]}
    (found,) = violations("v1", "PodSpec", part, ("spec",), partial=True)
    assert found.path == ("spec", "containers", 0, "imagee")
    assert len(violations("v1", "PodSpec", part)) == 2


def test_secrets_keep_their_data_in_base64() -> None:
    value = {"metadata": {"name": "a"}, "data": {"a": "b c"}, "stringData": {"b": "b c"}}
    (found,) = violations("v1", "Secret", value)
    assert found.path == ("data", "a")
    assert "b c" not in found.message


@pytest.mark.parametrize("value", [None, [], "x", 3, {"spec": []}, {"metadata": 3}], ids=str)
def test_never_fails(value: Any) -> None:
    for kind in ("Deployment", "DaemonSet"):
        violations("apps/v1", kind, deepcopy(value))
    violations("gateway.networking.k8s.io/v1", "Gateway", value)


@pytest.mark.parametrize("base", ["disaggregated", "gang", "inference-extension", "substrate"])
def test_the_examples_are_right(base: str) -> None:
    for each in examples.base(base):
        assert violations(each["apiVersion"], each["kind"], each) == []


def test_what_was_right_once_is_not_taken_to_be_right_elsewhere() -> None:
    bare: dict[str, Any] = {"name": "vllm", "ports": [{"containerPort": 1}]}
    assert violations("v1", "PodSpec", {"containers": [bare]}) == []
    for ports, said in (
        ([{"containerPort": True}], "is True, true or false; must be an integer"),
        ([{"containerPort": 1, "hostPrt": 1}], "ContainerPort has no field hostPrt"),
    ):
        assert [each[0] for each in of_container(ports=ports)] == [said]
    # The same value as another type, and whole where it was a part.
    (found,) = violations("v1", "PodSpec", {"containers": [], "securityContext": bare})[:1]
    assert found.message == "PodSecurityContext has no field name"
    spec: dict[str, Any] = {"containers": [{"args": ["serve"]}]}
    assert ANY.violations("v1", "PodSpec", spec, partial=True) == []
    (missing,) = ANY.violations("v1", "PodSpec", spec)
    assert missing.message == "Container needs name, which is missing"
    # And of a release that has the field.
    newer = {"containers": [bare], "schedulingGroup": {}}
    assert ClusterApi("1.36").violations("v1", "PodSpec", newer) == []
    assert ClusterApi("1.34").violations("v1", "PodSpec", newer)[0].problem == "release"
