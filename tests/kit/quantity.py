"""Quantities of resources, and how a container's requests and limits go together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tests.kit.problem import Problem, at

_PARTS = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|([KMGTPE]i)|([numkMGTPE]))?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def quantity(value: str | float) -> Decimal:
    """The number that a quantity stands for: `1500m` is 1.5, `1Ki` is 1024."""
    match = _PARTS.fullmatch(str(value))
    if not match:
        raise ValueError(f"{value!r} is not a quantity")
    number, exponent, binary, decimal = match.groups()
    if exponent:
        return Decimal(number + exponent)
    if binary:
        return Decimal(number) * Decimal(1024) ** ("KMGTPE".index(binary[0]) + 1)
    return Decimal(number).scaleb(_DECIMAL[decimal] if decimal else 0)


def resource_problems(resources: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Requests above limits, and extended resources that are overcommitted or not whole."""
    limits = {name: quantity(value) for name, value in (resources.get("limits") or {}).items()}
    for name, value in (resources.get("requests") or {}).items():
        requested, limit, where = quantity(value), limits.get(name), at(path, "requests", name)
        if limit is not None and requested > limit:
            yield Problem(where, f"{value} is above the limit of {limit}")
        elif _is_extended(name) and requested != limit:
            yield Problem(where, f"{value} must equal the limit: {name} cannot be overcommitted")
    for name, limit in limits.items():
        if _is_extended(name) and limit != limit.to_integral_value():
            yield Problem(at(path, "limits", name), "must be a whole number")


def _is_extended(name: str) -> bool:
    """Whether a resource is a device plugin's, such as `nvidia.com/gpu`."""
    return ("/" in name and "kubernetes.io/" not in name) or name.startswith("hugepages-")
