"""What the deployments of one app know of each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from constructs import IConstruct

ObjectOwners = dict[tuple[str, str, str], str]
"""The path of the chart that composes an object, by its namespace, kind and name."""


@dataclass
class AppState:
    """The state of an app.

    Attributes:
        owners: The objects that its deployments compose.
        rendering: Whether a chart is being rendered. cdk8s validates the whole app each time, so
            that n charts would be checked n * n times. ``synth`` validates all of them before it
            renders the first.
    """

    owners: ObjectOwners = field(default_factory=dict)
    rendering: bool = False

    @classmethod
    def of(cls, scope: IConstruct) -> AppState:
        """The state of the app that a construct is in."""
        return _STATES.setdefault(scope.node.root, cls())

    @contextmanager
    def render(self) -> Iterator[None]:
        """Renders a chart without a check of the app."""
        before, self.rendering = self.rendering, True
        try:
            yield
        finally:
            self.rendering = before


_STATES: WeakKeyDictionary[IConstruct, AppState] = WeakKeyDictionary()
