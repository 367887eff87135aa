"""What the constructs of one app know of each other, and what is checked when it is synthesized."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Protocol
from weakref import WeakKeyDictionary

from cdk8s import ApiObject, App, Chart
from constructs import IConstruct

from cdk8s_inference.arguments import A002
from cdk8s_inference.findings import Finding, InvalidInput, Place, Violation, errors, warn
from cdk8s_inference.source import Document

ObjectOwners = dict[tuple[str, str, str], str]
"""The path of the chart that composes an object, by its namespace, kind and name."""


class CheckedChart(IConstruct, Protocol):
    """A chart that is checked as a whole."""

    def check(self) -> list[Finding]:
        """What is to say about its objects as they are now."""


class NotSynthesized(InvalidInput, RuntimeError):
    """What an app composes would not work. cdk8s' own validation raises a ``RuntimeError``."""


@dataclass
class AppState:
    """The state of an app.

    Attributes:
        owners: The objects that its deployments compose.
        checked: The charts that are checked each by itself, before the app is synthesized.
        lone: Charts of users with constructs of ours in them, which are checked together.
        ports_and_quantities: Their JSON pointers, in objects of cdk8s-plus.
        rendering: Whether a chart is being rendered. cdk8s validates the whole app each time, so
            that n charts would be checked n * n times. ``synth`` validates all of them before it
            renders the first.
    """

    owners: ObjectOwners = field(default_factory=dict)
    checked: list[CheckedChart] = field(default_factory=list)
    lone: list[Chart] = field(default_factory=list)
    ports_and_quantities: dict[ApiObject, Sequence[str]] = field(default_factory=dict)
    rendering: bool = False

    @classmethod
    def of(cls, scope: IConstruct) -> AppState:
        """The state of the app that a construct is in."""
        root = scope.node.root
        if root not in _STATES:
            _STATES[root] = cls()
            if isinstance(root, App):
                _check_first(root)
        return _STATES[root]

    def check_lone(self, construct: IConstruct) -> None:
        """Has the chart of a construct checked, unless it is in one that is checked anyway."""
        if any(scope in self.checked for scope in construct.node.scopes):
            return
        chart = Chart.of(construct)
        if chart not in self.lone:
            self.lone.append(chart)

    def check(self) -> list[Finding]:
        """What is to say about all that is checked, as it is now."""
        findings = [finding for chart in self.checked for finding in chart.check()]
        if self.lone:
            findings += self._check_lone_charts()
        return [*findings, *map(A002.finding, self._dropped())]

    def _dropped(self) -> Iterator[Violation]:
        """What cdk8s-plus dropped after a patch; see ``manifest.int_or_string``."""
        for each, pointers in self.ports_and_quantities.items():
            root = Document(each.to_json()).root
            name = f"{each.kind} {each.metadata.namespace}/{each.name}"
            for pointer in pointers:
                keys = [int(key) if key.isdigit() else key for key in pointer.split("/")[1:]]
                field = root.at(*keys)
                if not field.present:
                    message = "is gone: a patch removed it, or gave it a plain value"
                    yield Violation(Place(name, field.place.path), message)

    def _check_lone_charts(self) -> list[Finding]:
        from cdk8s_inference.checks import check

        apart = {each for chart in self.checked for each in chart.node.find_all()}
        within = dict.fromkeys(each for chart in self.lone for each in chart.node.find_all())
        return check(documents(each for each in within if each not in apart))

    @contextmanager
    def render(self) -> Iterator[None]:
        """Renders a chart without a check of the app."""
        before, self.rendering = self.rendering, True
        try:
            yield
        finally:
            self.rendering = before


def documents(constructs: Iterable[IConstruct]) -> list[Document]:
    """The Kubernetes objects among constructs, as they are now."""
    return [Document(each.to_json()) for each in constructs if isinstance(each, ApiObject)]


_STATES: WeakKeyDictionary[IConstruct, AppState] = WeakKeyDictionary()


def _check_first(app: App) -> None:
    """Checks an app in Python before Node.js synthesizes it.

    What Python raises within a validation of cdk8s comes back as a text among fifty lines of stack.
    """

    def checked(synthesize: Callable[[], object]) -> Callable[[], object]:
        @wraps(synthesize)
        def check_and_synthesize() -> object:
            state = AppState.of(app)
            findings = state.check()
            warn(findings)
            if refused := errors(findings):
                raise NotSynthesized(refused) from None
            with state.render():
                return synthesize()

        return check_and_synthesize

    app.synth = checked(app.synth)  # type: ignore[method-assign,assignment]
    app.synth_yaml = checked(app.synth_yaml)  # type: ignore[method-assign,assignment]
