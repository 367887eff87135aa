"""Rules of other packages that cannot be applied."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.plugins import load_rules
from cdk8s_inference.checks.rule import RULES, rule
from cdk8s_inference.findings import Finding, Violation
from cdk8s_inference.topology import Topology


@rule(
    "T009",
    "error",
    "The rules of another package are not applied",
    why="What they are to find is not found, and the check looks like a successful one.",
    evidence="The module that an entry point of the group cdk8s_inference.rules names cannot be "
    "imported, or one of its rules raised an exception.",
    fix="correct the package, or uninstall it",
    example=None,
)
def not_loaded(topology: Topology) -> Iterator[Violation]:
    for each in load_rules():
        yield Violation(None, f"{each.name} cannot be loaded: {each.reason}")


def failed(code: str, error: Exception) -> Finding:
    """The finding about a rule of another package that raised an exception."""
    message = f"{code} failed: {type(error).__name__}: {error}"
    return RULES["T009"].finding(Violation(None, message))
