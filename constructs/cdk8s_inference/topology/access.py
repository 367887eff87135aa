"""What a ServiceAccount may do: roles, and whom they are bound to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.kube_object import KubeObject, strings
from cdk8s_inference.topology.reference import Reference
from cdk8s_inference.topology.selector import Selector, label_selector

ROLE_KINDS = ("Role", "ClusterRole")
BINDING_KINDS = ("RoleBinding", "ClusterRoleBinding")

Subject = tuple[str | None, str | None, str | None]
"""Whom a role is granted: kind, namespace and name."""

_RBAC_GROUP = "rbac.authorization.k8s.io"
_ADMINISTRATOR = ("ClusterRole", "cluster-admin")
"""The role of every cluster that grants everything."""


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

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return strings(self.object.at("metadata", "labels"))

    @cached_property
    def is_aggregated(self) -> bool:
        """Whether the cluster has yet to write its rules, from those of other ClusterRoles."""
        return self.object.at("aggregationRule").present and not [*self.object.at("rules").items()]

    @cached_property
    def aggregates(self) -> tuple[Selector, ...]:
        """Which ClusterRoles its rules are taken from, by their labels."""
        selectors = self.object.at("aggregationRule", "clusterRoleSelectors")
        return tuple(label_selector(self.object, each).value for each in selectors.items())

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

    @cached_property
    def subjects(self) -> frozenset[Subject]:
        """Whom it grants its role."""
        return frozenset(
            (item["kind"].text, item["namespace"].text, item["name"].text)
            for item in self.object.at("subjects").items()
        )

    def names(self, namespace: str, account: str) -> bool:
        """Whether it grants its role to a ServiceAccount."""
        return not self.subjects.isdisjoint(_subjects(namespace, account))


def _subjects(namespace: str, account: str) -> tuple[Subject, ...]:
    """What a ServiceAccount is named by: itself, or one of its groups."""
    return (
        ("ServiceAccount", namespace, account),
        ("User", None, f"system:serviceaccount:{namespace}:{account}"),
        ("Group", None, f"system:serviceaccounts:{namespace}"),
        ("Group", None, "system:serviceaccounts"),
        ("Group", None, "system:authenticated"),
    )


@dataclass(frozen=True, eq=False)
class Access:
    """What a ServiceAccount may do in its namespace, as far as its roles were read.

    Attributes:
        roles: The roles that are bound to it.
        unread: References to roles that are bound to it, of which it was not read what they grant.
        beside: A role or binding of any account there. Without one, what it may do is said
            elsewhere.
    """

    roles: tuple[AccessRole, ...]
    unread: tuple[Reference, ...]
    beside: KubeObject | None

    def allows(self, verb: str, group: str, resource: str) -> bool:
        """Whether one of its roles grants a verb on a resource of an API group."""
        return self._is_administrator or any(
            role.allows(verb, group, resource) for role in self.roles
        )

    def lacks(self, permissions: Iterable[Permission]) -> list[str]:
        """The resources of permissions that none of its roles grants."""
        return [
            f"{each.api_group}/{resource}".lstrip("/")
            for each in permissions
            for resource in each.resources
            if not all(self.allows(verb, each.api_group, resource) for verb in each.verbs)
        ]

    @property
    def _is_administrator(self) -> bool:
        return any((each.kind, each.name.value) == _ADMINISTRATOR for each in self.unread)


class Accesses:
    """What every ServiceAccount may do, by all roles and bindings that were read."""

    def __init__(self, roles: Iterable[AccessRole], bindings: Iterable[AccessBinding]) -> None:
        self._roles: dict[tuple[str, str, str], list[AccessRole]] = defaultdict(list)
        self._bindings: dict[Subject, list[AccessBinding]] = defaultdict(list)
        self._cluster_roles: list[AccessRole] = []
        self._beside: dict[str, KubeObject] = {}
        self._anywhere: KubeObject | None = None
        self._found: dict[tuple[str, str], Access] = {}
        for role in roles:
            namespace = "" if role.is_cluster_wide else role.object.namespace
            self._roles[role.object.kind, namespace, role.object.name].append(role)
            if role.is_cluster_wide:
                self._cluster_roles.append(role)
            else:
                self._beside.setdefault(namespace, role.object)
        for binding in bindings:
            for subject in binding.subjects:
                self._bindings[subject].append(binding)
            if not binding.is_cluster_wide:
                self._beside.setdefault(binding.object.namespace, binding.object)
            elif self._anywhere is None:
                self._anywhere = binding.object

    def of(self, namespace: str, account: str) -> Access:
        """What a ServiceAccount may do in its namespace."""
        # Every rule about a picker asks for that of its account.
        found = self._found.get((namespace, account))
        if found is None:
            naming = (self._bindings[each] for each in _subjects(namespace, account))
            own = dict.fromkeys(
                each for bindings in naming for each in bindings if each.holds_in(namespace)
            )
            granted = [(each.role, self._granted(each)) for each in own]
            roles = tuple(role for _, found_roles in granted for role in found_roles)
            unread = tuple(
                reference
                for reference, found_roles in granted
                if not found_roles or any(role.is_aggregated for role in found_roles)
            )
            beside = self._beside.get(namespace, self._anywhere)
            found = self._found[namespace, account] = Access(roles, unread, beside)
        return found

    def _granted(self, binding: AccessBinding) -> list[AccessRole]:
        kind, name = binding.role.kind, binding.role.name.value
        namespace = "" if kind == "ClusterRole" else binding.object.namespace
        found = self._roles.get((kind, namespace, name), [])
        selectors = [each for role in found if role.is_aggregated for each in role.aggregates]
        if not selectors:
            return found
        taken = (
            each
            for each in self._cluster_roles
            if any(selector.matches(each.labels) for selector in selectors)
        )
        return [*found, *taken]
