"""Parts of Kubernetes objects that are given as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from cdk8s_inference import names
from cdk8s_inference.arguments.constraint import Constraint, Problem
from cdk8s_inference.arguments.fit import problems
from cdk8s_inference.arguments.json_value import json_problems
from cdk8s_inference.findings import Path
from cdk8s_inference.kubernetes_types import DnsLabel, Image, LabelValue


def _named(value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    yield from _has(value, "name", DnsLabel, path)


def _container(value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    yield from _named(value, path)
    yield from _has(value, "image", Image, path)


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

VolumeObject = Annotated[JsonObject, Constraint(_named)]
"""A volume, with a name."""
