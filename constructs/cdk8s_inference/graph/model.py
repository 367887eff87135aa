"""A graph of what is served, as values that every format is written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Literal, get_args

from cdk8s_inference.findings import Finding, Severity

Format = Literal["mermaid", "dot", "svg", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)

NodeKind = Literal[
    "gateway",
    "route",
    "service",
    "pool",
    "proxy",
    "picker",
    "sidecar",
    "engine",
    "claim",
    "volume",
]

EdgeKind = Literal["requests", "asks", "transfer", "events", "uses"]
"""``requests``: they go there. ``asks``: for an endpoint, or for peers. ``transfer``: the KV cache
goes there. ``events``: of the KV cache. ``uses``: devices and volumes."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The worst first."""

SYMBOLS: Mapping[Severity, str] = {"error": "✖", "warning": "▲", "note": "●"}
"""What marks a finding, beside its color."""


@dataclass(frozen=True)
class Node:
    """A part of what is served.

    Attributes:
        id: What edges call it; letters and digits.
        kind: What it is.
        name: Its name.
        object: The object that it is, or is in, such as ``Deployment ml-team/llama-0-decode``.
        lines: What is shown with its name.
        facts: More about it, each with its name, for who asks.
        role: Of an engine: ``prefill``, ``decode``, ``both`` or ``encode``; empty for others.
        pod: What the parts that share a pod have in common; empty for what is in none.
        is_read: Whether it is among what was read; false where another part only names it.
        findings: What is wrong with it.
    """

    id: str
    kind: NodeKind
    name: str
    object: str
    lines: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    role: str = ""
    pod: str = ""
    is_read: bool = True
    findings: tuple[Finding, ...] = ()

    @property
    def heading(self) -> str:
        """What it is, in a word or two: ``prefill engine``."""
        role = "unified" if self.role == "both" else self.role
        return f"{role} {self.kind}".strip()

    @property
    def mark(self) -> str:
        """Its findings in short: ``✖ 1: T503``; empty without any."""
        codes = " ".join(dict.fromkeys(each.code for each in self.findings))
        return f"{marks(self.findings)}: {codes}" if codes else ""

    @property
    def worst(self) -> Severity | None:
        """The worst severity of its findings; None without any."""
        return worst(self.findings)


@dataclass(frozen=True)
class Edge:
    """Something that goes from one part to another.

    Attributes:
        source: The identifier of the part that it starts from.
        target: The identifier of the part that it leads to.
        label: The port, and what is spoken there; lines are separated by line breaks.
        kind: What goes there.
    """

    source: str
    target: str
    label: str
    kind: EdgeKind


@dataclass(frozen=True)
class Section:
    """One deployment: what serves a model, with everything that leads to it.

    Attributes:
        id: Its identifier; letters and digits.
        title: Its name.
        namespace: Its namespace.
        summary: What it is, in a few words each: the model, copies by role, devices, hosts.
        nodes: Its parts.
        edges: What goes between them.
    """

    id: str
    title: str
    namespace: str
    summary: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of its parts, each once, the worst first."""
        return ordered(each for node in self.nodes for each in node.findings)

    @cached_property
    def by_id(self) -> dict[str, Node]:
        """Its parts by their identifiers."""
        return {node.id: node for node in self.nodes}


@dataclass(frozen=True)
class Graph:
    """What is served, drawn as one section for each deployment.

    Attributes:
        sections: The deployments.
        findings: What is wrong with none of their parts, such as a file.
    """

    sections: tuple[Section, ...]
    findings: tuple[Finding, ...] = ()

    def of(self, *names: str) -> Graph:
        """The graph of some deployments alone.

        Args:
            names: Their titles, or titles with the namespace before it: ``ml-team/llama-70b-0``.
        """
        chosen = (
            each
            for each in self.sections
            if each.title in names or f"{each.namespace}/{each.title}" in names
        )
        return replace(self, sections=tuple(chosen), findings=())

    def written(self, format: Format) -> str:
        """The graph in a format."""
        text: str = import_module(f"cdk8s_inference.graph.{format}").written(self)
        return text

    def mermaid(self) -> str:
        """A Mermaid flowchart, which GitHub and GitLab show in Markdown."""
        return self.written("mermaid")

    def dot(self) -> str:
        """A directed graph of Graphviz."""
        return self.written("dot")

    def svg(self) -> str:
        """A picture, for light and dark surroundings."""
        return self.written("svg")

    def html(self) -> str:
        """A page that holds all it needs."""
        return self.written("html")


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The worst severity of findings; None without any."""
    return min((each.severity for each in findings), key=SEVERITIES.index, default=None)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings, each once, the worst first."""
    # By identity: a finding has parts that cannot be hashed.
    each_once = {id(each): each for each in findings}.values()
    return tuple(sorted(each_once, key=lambda each: SEVERITIES.index(each.severity)))


def marks(findings: Iterable[Finding]) -> str:
    """How many findings there are of each severity, by symbols: ``✖ 2 ▲ 1``."""
    counted = Counter(each.severity for each in findings)
    return " ".join(f"{SYMBOLS[each]} {counted[each]}" for each in SEVERITIES if counted[each])


def words(finding: Finding) -> str:
    """A finding as one line."""
    where = " ".join(part for part in (finding.object, finding.path) if part)
    where = f"{where}: " if where else ""
    return f"{finding.severity} {finding.code}: {where}{finding.summary}. Fix: {finding.fix}."
