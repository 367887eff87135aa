"""What a ServiceAccount may do: roles, and whom they are bound to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.kube_object import KubeObject
from cdk8s_inference.topology.reference import Reference

ROLE_KINDS = ("Role", "ClusterRole")
BINDING_KINDS = ("RoleBinding", "ClusterRoleBinding")

_RBAC_GROUP = "rbac.authorization.k8s.io"


@dataclass(frozen=True, eq=False)
class AccessRole:
    """A Role or ClusterRole.

    Attributes:
        object: The object.
    """

    object: KubeObject

    @cached_property
    def is_cluster_wide(self) -> bool:
        """Whether it is a ClusterRole, which may be bound in any namespace."""
        return self.object.kind == "ClusterRole"

    def allows(self, verb: str, group: str, resource: str) -> bool:
        """Whether it grants a verb on a resource of an API group, empty for the core group."""
        return any(
            _has(rule["verbs"], verb)
            and _has(rule["apiGroups"], group)
            and _has(rule["resources"], resource)
            for rule in self.object.at("rules").items()
        )


def _has(at: Cursor, wanted: str) -> bool:
    return not {wanted, "*"}.isdisjoint(at.strings)


@dataclass(frozen=True, eq=False)
class AccessBinding:
    """A RoleBinding or ClusterRoleBinding.

    Attributes:
        object: The object.
    """

    object: KubeObject

    @cached_property
    def is_cluster_wide(self) -> bool:
        """Whether it grants its role in every namespace."""
        return self.object.kind == "ClusterRoleBinding"

    @cached_property
    def role(self) -> Reference:
        """The role that it grants."""
        return Reference(self.object, self.object.at("roleRef"), _RBAC_GROUP, "")

    def holds_in(self, namespace: str) -> bool:
        """Whether it grants anything in a namespace."""
        return self.is_cluster_wide or self.object.namespace == namespace

    def grants(self, role: AccessRole) -> bool:
        """Whether it is this role that it grants."""
        near = role.is_cluster_wide or role.object.namespace == self.object.namespace
        return near and (self.role.kind, self.role.name.value) == (
            role.object.kind,
            role.object.name,
        )

    @cached_property
    def subjects(self) -> frozenset[tuple[str | None, str | None, str | None]]:
        """Whom it grants its role: kind, namespace and name of each."""
        return frozenset(
            (item["kind"].text, item["namespace"].text, item["name"].text)
            for item in self.object.at("subjects").items()
        )

    def names(self, namespace: str, account: str) -> bool:
        """Whether a ServiceAccount is among its subjects, by itself or by one of its groups."""
        return not self.subjects.isdisjoint(
            {
                ("ServiceAccount", namespace, account),
                ("User", None, f"system:serviceaccount:{namespace}:{account}"),
                ("Group", None, f"system:serviceaccounts:{namespace}"),
                ("Group", None, "system:serviceaccounts"),
                ("Group", None, "system:authenticated"),
            }
        )


@dataclass(frozen=True, eq=False)
class Access:
    """What a ServiceAccount may do in its namespace, as far as its roles were read.

    Attributes:
        roles: The roles that are bound to it.
        beside: The roles and bindings of any account there. Without any, what it may do is said
            elsewhere.
    """

    roles: tuple[AccessRole, ...]
    beside: tuple[KubeObject, ...]

    def allows(self, verb: str, group: str, resource: str) -> bool:
        """Whether one of its roles grants a verb on a resource of an API group."""
        return any(role.allows(verb, group, resource) for role in self.roles)
