"""What identifies an object in a cluster."""

from __future__ import annotations

from typing import NamedTuple

from cdk8s_inference.stack.component import Manifest


class ObjectKey(NamedTuple):
    """API group, kind, namespace and name of an object."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> ObjectKey:
        """The key of a manifest's object."""
        group = manifest["apiVersion"].rpartition("/")[0]
        metadata = manifest["metadata"]
        return cls(group, manifest["kind"], metadata.get("namespace", ""), metadata["name"])

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {name}"
