"""Fields that take a few values alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cdk8s_inference.findings import Violation, shown
from cdk8s_inference.source import Cursor, has_placeholder
from cdk8s_inference.topology import KubeObject


def other_value(owner: KubeObject, at: Cursor, allowed: Collection[str]) -> Iterator[Violation]:
    """What is wrong with a text that is none of those that its field takes."""
    text = at.text
    if text is not None and text not in allowed and not has_placeholder(text):
        listed = ", ".join(filter(None, allowed))
        message = f"{at.path[-1]} is {shown(text)}, and may be {listed}"
        yield Violation(owner.value_at(at, text), message)
