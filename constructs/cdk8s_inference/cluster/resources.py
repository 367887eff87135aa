"""The kinds that are read of a cluster: those that the topology and the rules know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.schemas.facts import custom
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.kinds.known import KINDS

NATIVE: Mapping[str, tuple[str, ...]] = {
    "": (
        *("configmaps", "limitranges", "namespaces", "persistentvolumeclaims", "pods"),
        *("replicationcontrollers", "resourcequotas", "secrets", "serviceaccounts", "services"),
    ),
    "admissionregistration.k8s.io": ("validatingadmissionpolicies",),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "networking.k8s.io": ("networkpolicies",),
    "policy": ("poddisruptionbudgets",),
    "rbac.authorization.k8s.io": ("clusterrolebindings", "clusterroles", "rolebindings", "roles"),
    "resource.k8s.io": ("deviceclasses", "resourceclaims", "resourceclaimtemplates"),
}
"""Resources of Kubernetes itself, by group."""

_DOCUMENT_GROUPS = frozenset({"modelplane.ai", "infrastructure.modelplane.ai"})
"""Groups of documents, which are composed into the objects that are read."""


def custom_groups() -> frozenset[str]:
    """The groups of which every resource is read, where the cluster has them."""
    versions = {version.rpartition("/")[0] for version in custom().kinds}
    groups = versions | {kind.group for kind in KINDS} | {"nfd.k8s-sigs.io"}
    return frozenset(groups) - NATIVE.keys() - _DOCUMENT_GROUPS


@dataclass(frozen=True)
class Resource:
    """A resource that a cluster serves.

    Attributes:
        group: Its API group; empty for the core group.
        version: The version that it is read in.
        name: Its plural name, as in URLs.
        kind: The kind of its objects.
        namespaced: Whether its objects are in namespaces.
    """

    group: str
    version: str
    name: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """As objects have it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None) -> str:
        """Where its objects are listed: those of a namespace, or all."""
        root = "/apis" if self.group else "/api"
        within = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}/{self.api_version}{within}/{self.name}"

    def __str__(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


def resources(discovered: Any) -> Iterator[Resource]:
    """The resources to read of an APIGroupDiscoveryList, each in the version that is preferred."""
    groups = custom_groups()
    for group in Cursor(discovered)["items"].items():
        name = group.at("metadata", "name").text or ""
        known = NATIVE.get(name)
        if known is None and name not in groups:
            continue
        taken: set[str] = set()
        for version in group["versions"].items():
            for each in version["resources"].items():
                plural, kind = each["resource"].text, each.at("responseKind", "kind").text
                listed = "list" in each["verbs"].strings and plural not in taken
                if plural and kind and listed and (known is None or plural in known):
                    taken.add(plural)
                    namespaced = each["scope"].text == "Namespaced"
                    yield Resource(name, version["version"].text or "", plural, kind, namespaced)
