"""What an annotation can say of an argument beside its type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import MinLen

from cdk8s_inference.findings import Path


@dataclass(frozen=True)
class Problem:
    """Something that a call does not take.

    Attributes:
        path: The argument's name, and where in its value.
        message: What it must be, and what it is.
        fix: What to write.
    """

    path: Path
    message: str
    fix: str


@dataclass(frozen=True)
class Constraint:
    """What a value of the right type must fulfil besides, where no type of pydantic's says it.

    Attributes:
        problems: What is wrong with a value at a path.
    """

    problems: Callable[[Any, Path], Iterator[Problem]]


@dataclass(frozen=True)
class Meant:
    """What to write where a text is given for a value that has a name.

    Attributes:
        written: The expression, with ``{}`` for the text as Python writes it.
    """

    written: str


NonEmpty = Annotated[str, MinLen(1)]
"""A text with something in it, for rooms that ``check`` reads, which is not to load pydantic."""
