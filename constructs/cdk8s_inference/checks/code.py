"""What a code stands for that no rule over a topology has: its words, and a sample."""

from __future__ import annotations

from dataclasses import dataclass

from cdk8s_inference.checks.sample import Sample
from cdk8s_inference.findings import Severity


@dataclass(frozen=True)
class Code:
    """A code of documents, picker configurations, stacks or gateways.

    Attributes:
        code: The stable identifier.
        title: What is wrong, in a few words.
        prevents: What happens otherwise, and how it looks.
        source: Where that is known from.
        fix: What to do.
        sample: An input that breaks it, and one that mends it; None where none can be shown,
            such as a file that cannot be read.
        severity: The severity of its findings; None where that depends on the case.
    """

    code: str
    title: str
    prevents: str
    source: str
    fix: str
    sample: Sample | None
    severity: Severity | None = None
