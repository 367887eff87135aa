"""Parts of Kubernetes objects that are given as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any

from cdk8s_inference import names
from cdk8s_inference.arguments.constraint import Constraint, Problem
from cdk8s_inference.arguments.fit import problems
from cdk8s_inference.arguments.json_value import json_problems
from cdk8s_inference.findings import Path, is_slip, shown
from cdk8s_inference.kubernetes_types import DnsLabel, Image, LabelValue
from cdk8s_inference.schemas import violations
from cdk8s_inference.schemas.allowed_values import limited_fields
from cdk8s_inference.source import Cursor


def kubernetes_problems(
    kind: str, value: Mapping[str, Any], path: Path, *, partial: bool = False
) -> Iterator[Problem]:
    """What keeps a value from being a part of a pod, as Kubernetes' API defines it.

    Args:
        kind: Its type of ``core/v1``, such as ``Toleration``.
        value: The value.
        path: Where it is given.
        partial: Whether it is laid over another one: then a field may be missing, or null.
    """
    for found in violations("v1", kind, value, path, partial=partial):
        yield Problem(found.path, found.message, found.fix or "write it as Kubernetes' API has it")
    for at, allowed in limited_fields(Cursor(value, path)):
        if at.text is not None and at.text not in allowed:
            listed = ", ".join(filter(None, allowed))
            near = next((each for each in allowed if is_slip(at.text, each)), None)
            fix = f"write {near}" if near else "use one of them"
            yield Problem(at.path, f"is {shown(at.text)}, and may be {listed}", fix)


def _container(value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    yield from _has(value, "name", DnsLabel, path)
    yield from _has(value, "image", Image, path)
    yield from kubernetes_problems("Container", value, path)


def _volume(value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    yield from _has(value, "name", DnsLabel, path)
    yield from kubernetes_problems("Volume", value, path)


def _part(kind: str) -> Constraint:
    return Constraint(partial(kubernetes_problems, kind))


def _has(value: Mapping[str, Any], key: str, hint: Any, path: Path) -> Iterator[Problem]:
    if key not in value:
        yield Problem(path, f"has no {key}", f'add "{key}"')
    else:
        yield from problems(hint, value[key], (*path, key))


def _key(value: str, path: Path) -> Iterator[Problem]:
    prefix, slash, name = value.rpartition("/")
    if not names.QUALIFIED_NAME.fullmatch(name) or (
        slash and not names.SUBDOMAIN.fullmatch(prefix)
    ):
        yield Problem(
            path,
            "has an invalid format",
            "use up to 63 letters, digits, '-', '_' and '.', edged by letters or digits; a DNS "
            "name and '/' may come before",
        )


MetadataKey = Annotated[str, Constraint(_key)]
"""A key of a label or annotation."""

Labels = Mapping[MetadataKey, LabelValue]
"""Labels of an object."""

Annotations = Mapping[MetadataKey, str]
"""Annotations of an object."""

JsonObject = Annotated[Mapping[str, Any], Constraint(json_problems)]
"""A part of an object, or a chart's values."""

ContainerObject = Annotated[JsonObject, Constraint(_container)]
"""A container, with a name and an image."""

VolumeObject = Annotated[JsonObject, Constraint(_volume)]
"""A volume, with a name."""

PullSecretObject = Annotated[JsonObject, _part("LocalObjectReference")]
"""The name of a Secret."""

VolumeMountObject = Annotated[JsonObject, _part("VolumeMount")]
"""Where a container has a volume."""

TolerationObject = Annotated[JsonObject, _part("Toleration")]
"""A taint of nodes that a pod tolerates."""

TopologySpreadConstraintObject = Annotated[JsonObject, _part("TopologySpreadConstraint")]
"""How pods are spread over a topology."""

WeightedPodAffinityTermObject = Annotated[JsonObject, _part("WeightedPodAffinityTerm")]
"""Pods to be near, and how much that counts."""

AffinityObject = Annotated[JsonObject, _part("Affinity")]
"""Affinity to nodes and pods."""

LifecycleObject = Annotated[JsonObject, _part("Lifecycle")]
"""Hooks of a container."""

SecurityContextObject = Annotated[JsonObject, _part("SecurityContext")]
"""Security context of a container."""

PodSecurityContextObject = Annotated[JsonObject, _part("PodSecurityContext")]
"""Security context of a pod."""
