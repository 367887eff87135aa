"""The examples of rules, as objects."""

from __future__ import annotations

from typing import Any

import yaml

from cdk8s_inference.checks import RULES
from cdk8s_inference.findings import Edit
from cdk8s_inference.findings.example import example_text, manifests


def broken(code: str) -> list[Any]:
    """The objects that a rule over a topology reports."""
    example = RULES[code].example
    assert example is not None
    return objects_of(example.broken)


def base(name: str, *edits: Edit) -> list[Any]:
    """The objects of an example file, changed."""
    return objects_of(manifests(name, *edits).broken if edits else example_text(name))


def objects_of(text: str) -> list[Any]:
    """The objects of a YAML stream."""
    return list(yaml.load_all(text, yaml.CSafeLoader))
