"""A rule: one small function over a topology, and the words and example that explain it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cdk8s_inference.checks.example import Example
from cdk8s_inference.findings import Finding, Severity
from cdk8s_inference.topology import Located, Topology


@dataclass(frozen=True)
class Breach:
    """A place where a rule does not hold.

    Attributes:
        at: The value to change.
        message: What is wrong, with the values that disagree.
        related: The other value of a contradiction.
        fix: What to do, where the rule's own words are too general.
    """

    at: Located[Any]
    message: str
    related: Located[Any] | None = None
    fix: str | None = None


Find = Callable[[Topology], Iterator[Breach]]


@dataclass(frozen=True)
class Rule:
    """A rule over a topology.

    Attributes:
        code: Its stable identifier.
        severity: ``error``: it will not work. ``warning``: it works worse than it looks.
        title: What is wrong, in a few words.
        prevents: What happens otherwise, and how it looks.
        source: Where that is known from.
        fix: What to do.
        example: A deployment that works, broken so that this rule alone speaks.
        find: Where the rule does not hold.
    """

    code: str
    severity: Severity
    title: str
    prevents: str
    source: str
    fix: str
    example: Example
    find: Find = field(repr=False)

    def findings(self, topology: Topology) -> Iterator[tuple[Finding, Breach]]:
        """The rule's findings, each with what it is about."""
        for breach in self.find(topology):
            place = breach.at.place
            related = breach.related.place if breach.related else None
            yield (
                Finding(
                    self.code,
                    self.severity,
                    place.path,
                    breach.message,
                    breach.fix or self.fix,
                    place.file,
                    place.line,
                    place.object,
                    related,
                ),
                breach,
            )


RULES: dict[str, Rule] = {}
"""Every rule by its code."""


def rule(
    code: str,
    severity: Severity,
    title: str,
    *,
    prevents: str,
    source: str,
    fix: str,
    example: Example,
) -> Callable[[Find], Find]:
    """Makes a function a rule."""

    def register(find: Find) -> Find:
        if code in RULES:
            raise ValueError(f"two rules are called {code}")
        RULES[code] = Rule(code, severity, title, prevents, source, fix, example, find)
        return find

    return register
