from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.topology import Access
from tests.topology.test_topology import topology

Json = dict[str, Any]
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}


def role(*rules: Any, kind: str = "Role", namespace: str = "llm") -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "it", "namespace": namespace},
        "rules": [*rules],
    }


def binding(
    *subjects: Any, kind: str = "RoleBinding", role: str = "Role", namespace: str = "llm"
) -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "it", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": "it"},
        "subjects": [*subjects],
    }


ACCOUNT = {"kind": "ServiceAccount", "name": "picker", "namespace": "llm"}


def access(*objects: Json) -> Access:
    return topology([*objects]).access("llm", "picker")


@pytest.mark.parametrize(
    ("rules", "allows"),
    [
        ([PODS], True),
        ([{**PODS, "verbs": ["*"]}], True),
        ([{**PODS, "resources": ["*"]}], True),
        ([{**PODS, "apiGroups": ["*"]}], True),
        ([{**PODS, "verbs": ["list"]}, {**PODS, "verbs": ["watch"]}], True),
        ([{**PODS, "verbs": ["list"]}], False),
        ([{**PODS, "resources": ["services"]}], False),
        ([{**PODS, "apiGroups": ["apps"]}], False),
        ([{**PODS, "apiGroups": []}], False),
        ([], False),
        ([None, "x", {"verbs": "*"}], False),
    ],
    ids=str,
)
def test_what_a_role_allows(rules: list[Any], allows: bool) -> None:
    found = access(role(*rules), binding(ACCOUNT))
    assert all(found.allows(verb, "", "pods") for verb in ("list", "watch")) is allows


@pytest.mark.parametrize(
    ("bound", "allows"),
    [
        (binding(ACCOUNT), True),
        (binding({**ACCOUNT, "name": "other"}, ACCOUNT), True),
        (binding({"kind": "Group", "name": "system:serviceaccounts:llm"}), True),
        (binding({"kind": "Group", "name": "system:serviceaccounts:other"}), False),
        (binding({"kind": "User", "name": "system:serviceaccount:llm:picker"}), True),
        (binding({"kind": "User", "name": "picker"}), False),
        (binding({**ACCOUNT, "namespace": "other"}), False),
        (binding(ACCOUNT, namespace="other"), False),
        (binding(ACCOUNT, role="ClusterRole"), False),
        (binding(), False),
        (binding(None, "x"), False),
    ],
    ids=str,
)
def test_whom_a_binding_names(bound: Json, allows: bool) -> None:
    assert access(role(PODS), bound).allows("list", "", "pods") is allows


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_a_cluster_role_is_bound_from_any_namespace(kind: str) -> None:
    made = role(PODS, kind="ClusterRole", namespace="anywhere")
    bound = binding(ACCOUNT, kind=kind, role="ClusterRole")
    assert access(made, bound).allows("list", "", "pods")


def test_what_is_beside_an_account() -> None:
    assert access(role(PODS, namespace="other"), role(PODS, kind="ClusterRole")).beside is None
    for each in (role(PODS), binding(), binding(kind="ClusterRoleBinding")):
        found = access(each)
        assert found.beside is not None
        assert found.beside.kind == each["kind"]
    assert access(binding(namespace="other"), role(PODS)).roles == ()


AGGREGATED: Json = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "it"}}]}}


def test_a_role_that_was_not_read_may_grant_anything() -> None:
    found = access(role(PODS), binding(ACCOUNT), binding(ACCOUNT, role="ClusterRole"))
    assert found.allows("list", "", "pods")
    assert [each.name.value for each in found.unread] == ["it"]


def test_the_administrator_may_do_everything() -> None:
    bound = binding(ACCOUNT, kind="ClusterRoleBinding", role="ClusterRole")
    bound["roleRef"]["name"] = "cluster-admin"
    assert access(bound).allows("list", "", "pods")


def test_an_aggregated_role_grants_what_others_do() -> None:
    whole = {**role(kind="ClusterRole"), **AGGREGATED}
    part = role(PODS, kind="ClusterRole")
    part["metadata"] = {"name": "part", "labels": {"to": "it"}}
    bound = binding(ACCOUNT, role="ClusterRole")
    found = access(whole, part, bound)
    assert found.allows("list", "", "pods")
    assert found.unread, "others, which were not read, may be part of it"
    assert not access(whole, bound).allows("list", "", "pods")
    # As a cluster has it, where its controller has written the rules.
    assert not access({**whole, "rules": [PODS]}, bound).unread
