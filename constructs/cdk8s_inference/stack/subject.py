"""What rules over a serving stack are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cdk8s_inference.findings import Path, PathPart, Place, RuleSet, field_path
from cdk8s_inference.findings.rule import Placed
from cdk8s_inference.stack.object_key import ObjectKey
from cdk8s_inference.stack.props import StackProps


def argument(path: Path) -> Place:
    """Where an argument of :class:`ServingStack` is written: Python values have no line."""
    return Place("", field_path(path))


@dataclass(frozen=True)
class StackSubject:
    """A serving stack's props, and where each of them is written.

    Attributes:
        props: The props.
        written: Gives the value that an argument's path stands for, such as a document's field.
    """

    props: StackProps
    written: Callable[[Path], Placed | Place] = argument

    @property
    def is_document(self) -> bool:
        """Whether the props are from a document."""
        return self.written is not argument

    def at(self, *path: PathPart) -> Placed | Place:
        """The value of an argument, or of a part of it."""
        return self.written(path)


@dataclass(frozen=True)
class StackObjects:
    """The objects that a stack adds to an app.

    Attributes:
        keys: The stack's objects, one key for each.
        owners: The path of the stack that composes an object already, by the object's key.
    """

    keys: Sequence[ObjectKey]
    owners: Mapping[ObjectKey, str]

    @property
    def shared(self) -> list[ObjectKey]:
        """The objects that another stack of the app composes too."""
        return [key for key in dict.fromkeys(self.keys) if key in self.owners]


STACK_RULES: RuleSet[StackSubject] = RuleSet()
STACK_OBJECT_RULES: RuleSet[StackObjects] = RuleSet()
