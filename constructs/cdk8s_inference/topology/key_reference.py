"""A key of a Secret or ConfigMap that a container takes a variable from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue

_SOURCES = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}


@dataclass(frozen=True, eq=False)
class KeyReference:
    """A reference that must resolve before the container starts.

    Attributes:
        kind: ``Secret`` or ``ConfigMap``.
        name: The object's name.
        key: The key in it.
    """

    kind: str
    name: SourceValue[str]
    key: SourceValue[str]


def key_references(container: Container) -> Iterator[KeyReference]:
    """The keys that a container's variables need; those that are optional are left out."""
    for variable in container.at["env"].items():
        for field, kind in _SOURCES.items():
            source = variable.at("valueFrom", field)
            name, key = (container.object.text(source[part]) for part in ("name", "key"))
            if name and key and source["optional"].value is not True:
                yield KeyReference(kind, name, key)


def keys_of(found: KubeObject) -> frozenset[str]:
    """The keys of a Secret or ConfigMap."""
    fields = ("data", "stringData", "binaryData")
    return frozenset(key for field in fields for key, _ in found.at(field).fields())
