"""What a schema says against a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.findings import Mend, Path

Problem = Literal[
    "unknown field",
    "type",
    "missing",
    "value",
    "quantity",
    "name",
    "rule",
    "kind",
    "removed",
    "release",
]
"""What is wrong: a field that the schema lacks, a value of another type, a required field that is
absent, a value that is not allowed, a text that is no quantity, a name or label that cannot be one,
a rule of a CRD that is not satisfied, a kind that there is not, or no longer, or not in this
release of Kubernetes."""


@dataclass(frozen=True)
class SchemaViolation:
    """A place of an object that an API server refuses.

    Attributes:
        problem: What is wrong.
        path: The field; for one that is missing, the one that is missing.
        message: What is wrong, with the values that disagree.
        fix: What to do; None for what the problem's rule says.
        near: The name that was meant, where the written one is a slip of it.
        certain: Whether Kubernetes' own API says so, or a CRD that the cluster is said to have. Of
            other CRDs a cluster may have another release than the one that is known.
        related: The other fields that disagree with this one.
        mend: What to write instead on the line of the field, where nothing else can be meant.
    """

    problem: Problem
    path: Path
    message: str
    fix: str | None = None
    near: str | None = None
    certain: bool = True
    related: tuple[Path, ...] = ()
    mend: Mend | None = None
