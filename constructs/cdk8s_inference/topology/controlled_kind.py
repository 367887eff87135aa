"""What was read of a kind from which a controller makes pods."""

from __future__ import annotations

from dataclasses import dataclass

from cdk8s_inference.topology.kinds import EVERYTHING, Addition, PodKind
from cdk8s_inference.topology.kube_object import KubeObject


@dataclass(frozen=True, eq=False)
class ControlledKind:
    """The objects of a kind from which a controller makes pods.

    Attributes:
        group: Its API group.
        name: The kind.
        objects: Those that were read, at least one.
        templates: How many pod templates are in them.
        engines: How many of those run an engine.
        facts: What is known of its controller; None where nothing is.
        adds: What its pods may have beyond the templates that were read.
    """

    group: str
    name: str
    objects: tuple[KubeObject, ...]
    templates: int
    engines: int
    facts: PodKind | None
    adds: frozenset[Addition]

    @property
    def is_understood(self) -> bool:
        """Whether there is nothing to note: rules ask all of it, or it serves no models."""
        if self.facts is None:
            return False
        plain = self.adds <= {"labels"} and self.templates > 0
        return plain or (not self.engines and not self.facts.serves)

    @property
    def note(self) -> str:
        """What rules take of it, and what they do not."""
        read = f"{self.name} ({self.group}): {_plural(len(self.objects), 'object')} with "
        if self.templates:
            read += f"{_plural(self.templates, 'pod template')}, {_plural(self.engines, 'engine')}"
        else:
            read += "no pod template that can be read"
        if self.facts is None:
            return f"{read}; its controller is not known, so rules say nothing of what it adds"
        added = "" if self.adds == EVERYTHING else _listed(self.adds)
        return (
            f"{read}; its controller makes {self.facts.makes}, "
            f"and rules say nothing of what it adds{added}"
        )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _listed(adds: frozenset[Addition]) -> str:
    words = {"nodes": "how many pods make an engine"}
    return f": {', '.join(words.get(each, each) for each in sorted(adds))}"
