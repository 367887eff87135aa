"""Names, labels and annotations of objects and of what objects embed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.kit import syntax
from tests.kit.problem import Problem, at


def label_problems(labels: Mapping[str, Any] | None, path: str) -> Iterator[Problem]:
    """Problems in the keys and values of labels, match labels or a node selector."""
    for key, value in (labels or {}).items():
        for message in (syntax.qualified_name(key), syntax.label_value(value)):
            if message:
                yield Problem(at(path, key), message)


def metadata_problems(metadata: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Problems in labels and annotations, wherever object metadata occurs."""
    yield from label_problems(metadata.get("labels"), at(path, "labels"))
    for key in metadata.get("annotations") or {}:
        # The API server lowers annotation keys before it looks at them.
        if message := syntax.qualified_name(key.lower()):
            yield Problem(at(path, "annotations", key), message)


_NAMES: Mapping[str, Callable[[str], str | None]] = {
    "Service": syntax.dns_1035_label,
    "LeaderWorkerSet": syntax.dns_1035_label,
    "Namespace": syntax.dns_1123_label,
    "Role": syntax.path_segment,
    "RoleBinding": syntax.path_segment,
    "ClusterRole": syntax.path_segment,
    "ClusterRoleBinding": syntax.path_segment,
}


def name_problems(kind: str, metadata: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems in an object's own name and namespace."""
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not name:
        yield Problem("metadata.name", "required field is missing")
    elif message := _NAMES.get(kind, syntax.dns_1123_subdomain)(name):
        yield Problem("metadata.name", message)
    if namespace is not None and (message := syntax.dns_1123_label(namespace)):
        yield Problem("metadata.namespace", message)
