"""Parts of Kubernetes objects that are given as plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from cdk8s_inference import names
from cdk8s_inference.arguments.constraint import Constraint, Problem
from cdk8s_inference.arguments.fit import problems
from cdk8s_inference.findings import Path, shown
from cdk8s_inference.kubernetes_types import DnsLabel, Image, LabelValue


def json_problems(value: Any, path: Path, *, besides: type | None = None) -> Iterator[Problem]:
    """What keeps a value from being written as JSON, but for instances of a class."""
    if besides is not None and isinstance(value, besides):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield Problem(path, f"key {shown(key)} is not a string", "put it in quotes")
            else:
                yield from json_problems(item, (*path, key), besides=besides)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from json_problems(item, (*path, index), besides=besides)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(path, f"is {value}, which JSON does not have", "use a finite number")
    elif isinstance(value, int):
        yield from problems(int, int(value), path)
    elif value is not None and not isinstance(value, (str, float)):
        message = f"is a {type(value).__name__}, which JSON does not have"
        yield Problem(path, message, "use dicts, lists, strings, numbers, True, False and None")


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


_KEY = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)\Z")


def _key(value: str, path: Path) -> Iterator[Problem]:
    prefix, slash, name = value.rpartition("/")
    if not _KEY.match(name) or (slash and not names.SUBDOMAIN.fullmatch(prefix)):
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
