"""A model of an API server that knows only what was applied to it so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = Mapping[str, Any]
Kind = tuple[str, str]
"""API group and kind."""

NATIVE_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "coordination.k8s.io",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)

CRD = "CustomResourceDefinition"


class Refused(Exception):
    """What the server says to an object that it does not take."""


@dataclass
class Server:
    """An API server.

    Attributes:
        kinds: The custom kinds it knows, with whether they are in namespaces.
        namespaces: The namespaces it has.
        objects: What it took, in order.
    """

    kinds: dict[Kind, bool] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=lambda: {"default", "kube-system"})
    objects: list[Manifest] = field(default_factory=list)

    def apply(self, manifest: Manifest) -> None:
        """Takes an object.

        Raises:
            Refused: The server does not know its kind, or has no such namespace.
        """
        group = manifest["apiVersion"].rpartition("/")[0]
        kind, metadata = manifest["kind"], manifest["metadata"]
        namespace = metadata.get("namespace")
        if group not in NATIVE_GROUPS:
            if (group, kind) not in self.kinds:
                raise Refused(f'no matches for kind "{kind}" in group "{group}"')
            if self.kinds[group, kind] and namespace is None:
                raise Refused(f"{kind} {metadata['name']} would land in default")
        if namespace is not None and namespace not in self.namespaces:
            raise Refused(f'namespaces "{namespace}" not found')
        if kind == CRD:
            spec = manifest["spec"]
            self.kinds[spec["group"], spec["names"]["kind"]] = spec["scope"] == "Namespaced"
        if kind == "Namespace":
            self.namespaces.add(metadata["name"])
        self.objects.append(manifest)

    def apply_all(self, manifests: Iterable[Manifest]) -> None:
        """Takes objects one by one; stops at the first that it refuses."""
        for manifest in manifests:
            self.apply(manifest)
