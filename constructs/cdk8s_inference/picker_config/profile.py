"""A scheduling profile: which pods are asked, how they compare, and which is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.arguments import checked
from cdk8s_inference.picker_config.plugin import Plugin


@checked
@dataclass(frozen=True)
class Profile:
    """What picks one pod. Its configuration names it, and adds the filter for the pods' role.

    Attributes:
        scorers: Plugins that rank pods from 0 to 1, each with its weight in the sum. Without any,
            every pod is as good as another, and the picker takes one by lot.
        filters: Plugins that leave pods out, in order.
        picker: Takes a pod by its score.
    """

    scorers: Sequence[tuple[Plugin, float]] = ()
    filters: Sequence[Plugin] = ()
    picker: Plugin = Plugin("max-score-picker")

    def __post_init__(self) -> None:
        for scorer, weight in self.scorers:
            if weight <= 0:
                raise ValueError(
                    f"scorer {scorer.reference!r} has weight {weight}: the picker would prefer "
                    "the pods that it ranks lowest, or ignore it; give it more than 0"
                )

    def plugins(self, role_filter: Plugin | None) -> list[Plugin]:
        """Every plugin of the profile, in the order in which it runs."""
        first = [] if role_filter is None else [role_filter]
        scorers = [scorer for scorer, _ in self.scorers]
        return [*first, *self.filters, *scorers, self.picker]

    def rendered(self, name: str, role_filter: Plugin | None) -> dict[str, Any]:
        """The profile as a configuration lists it."""
        weights = {scorer.reference: weight for scorer, weight in self.scorers}
        references: list[dict[str, Any]] = []
        for plugin in self.plugins(role_filter):
            reference: dict[str, Any] = {"pluginRef": plugin.reference}
            if plugin.reference in weights:
                reference["weight"] = weights[plugin.reference]
            references.append(reference)
        return {"name": name, "plugins": references}
