"""A kind from which a controller makes pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Addition = Literal[
    "containers",
    "devices",
    "environment",
    "flags",
    "labels",
    "nodes",
    "ports",
    "probes",
    "volumes",
]
"""What pods may have beyond their template; ``nodes``: how many of them make one engine."""

EVERYTHING: frozenset[Addition] = frozenset(get_args(Addition))

Shape = Literal["template", "pod spec", "dynamo", "kthena backend", "nim", "production-stack"]
"""How a template is written: with ``metadata`` and ``spec``, as the spec alone, or as one project
writes it."""


@dataclass(frozen=True)
class Templates:
    """Where a kind keeps pod templates.

    Paths have dots between keys; ``*`` is every item of a list, and every value of a mapping.

    Attributes:
        owner: What has copies: the spec, a role, a service. Empty for the object itself.
        template: The template, from its owner on. Empty for the owner itself.
        shape: How it is written.
        copies: The number of copies, from the owner on.
        size: The number of pods in a copy, from the owner on; empty where a copy is one pod.
        part: Which pods of a copy they are, where a copy has several.
        others: Pods of a copy that ``size`` does not count.
        metadata: What has the pods' labels, from the owner on, where the template has none.
    """

    owner: str
    template: str = "template"
    shape: Shape = "template"
    copies: str = "replicas"
    size: str = ""
    part: Literal["leader", "follower", "gang"] = "gang"
    others: int = 0
    metadata: str = ""


@dataclass(frozen=True)
class PodKind:
    """A kind from which a controller makes pods.

    Attributes:
        group: Its API group.
        name: The kind.
        templates: Where its pod templates are.
        makes: What its controller makes of it, with the name of what is made where that is fixed.
        adds: What pods may have beyond their template. What is not named here, a template says.
        labels: Labels, or prefixes of such, that the controller gives to the pods.
        source: Where the facts come from.
        serves: Whether it is there to serve models; others do so now and then.
    """

    group: str
    name: str
    templates: tuple[Templates, ...]
    makes: str
    adds: frozenset[Addition] = EVERYTHING
    labels: tuple[str, ...] = ()
    source: str = ""
    serves: bool = True
