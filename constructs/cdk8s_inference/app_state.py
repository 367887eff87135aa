"""What the constructs of one app know of each other, and what is checked when it is synthesized."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Protocol

from cdk8s_inference.construct_tree import (
    ApiObject,
    App,
    Chart,
    DependencyGraph,
    IConstruct,
    IValidation,
    implements,
)
from cdk8s_inference.findings import Finding, InvalidInput, errors, warn
from cdk8s_inference.source import Document

ObjectOwners = dict[tuple[str, str, str], str]
"""The path of the chart that composes an object, by its namespace, kind and name."""

Rendered = dict[ApiObject, Any]
"""Objects of a chart as plain data."""


class CheckedChart(IConstruct, Protocol):
    """A chart that is checked as a whole."""

    def check(self) -> list[Finding]:
        """What is to say about its objects as they are now."""


class NotSynthesized(InvalidInput, RuntimeError):
    """What an app composes would not work. cdk8s' own validation raises a ``RuntimeError``."""


@dataclass(eq=False)
class AppState:
    """The state of an app.

    A construct keeps its app's, since each question to Node.js about the tree takes as long as
    composing an object.

    Attributes:
        owners: The objects that its deployments compose.
        checked: The charts that are checked each by itself, before the app is synthesized.
        lone: Charts of users with constructs of ours in them, which are checked together.
        rendering: Whether a chart is being rendered. cdk8s validates the whole app each time, so
            that n charts would be checked n * n times. ``synth`` validates all of them before it
            renders the first.
        rendered: The objects of charts as they were checked; None unless the app is being
            synthesized.
    """

    owners: ObjectOwners = field(default_factory=dict)
    checked: list[CheckedChart] = field(default_factory=list)
    lone: list[Chart] = field(default_factory=list)
    rendering: bool = False
    rendered: dict[IConstruct, Rendered] | None = None

    @classmethod
    def of(cls, construct: IConstruct) -> AppState:
        """The state of the app that a construct is in."""
        known = vars(construct)
        if _STATE not in known:
            root = construct.node.root
            if _STATE not in vars(root):
                state = cls()
                vars(root)[_STATE] = state
                root.node.add_validation(_Validation(state))
                if isinstance(root, App):
                    _check_first(root, state)
            known[_STATE] = vars(root)[_STATE]
        state = known[_STATE]
        assert isinstance(state, cls)
        return state

    def add_chart(self, chart: CheckedChart) -> None:
        """Has a chart checked by itself, with all that is composed in it."""
        self.checked.append(chart)
        vars(chart).update({_STATE: self, _CHECKED: True})

    @classmethod
    def add(cls, construct: IConstruct, scope: IConstruct) -> None:
        """Has what a construct composes checked, unless its scope is in a chart that is anyway."""
        state = cls.of(scope)
        checked = bool(vars(scope).get(_CHECKED)) or any(
            each in state.checked for each in scope.node.scopes
        )
        vars(construct).update({_STATE: state, _CHECKED: checked})
        if not checked and (chart := Chart.of(construct)) not in state.lone:
            state.lone.append(chart)

    def check(self) -> list[Finding]:
        """What is to say about all that is checked, as it is now."""
        findings = self.check_charts()
        if self.lone:
            findings += self._check_lone_charts()
        return findings

    def check_charts(self) -> list[Finding]:
        """What is to say about the charts that are checked each by itself."""
        return [finding for chart in self.checked for finding in chart.check()]

    def _check_lone_charts(self) -> list[Finding]:
        from cdk8s_inference.checks import check

        apart = {each for chart in self.checked for each in chart.node.find_all()}
        within = dict.fromkeys(each for chart in self.lone for each in chart.node.find_all())
        return check(documents(each for each in within if each not in apart))

    def documents(self, chart: IConstruct) -> list[Document]:
        """The Kubernetes objects of a chart, as they are now."""
        constructs = chart.node.find_all()
        objects = {each: each.to_json() for each in constructs if isinstance(each, ApiObject)}
        nested = any(isinstance(each, Chart) for each in constructs if each is not chart)
        if self.rendered is not None and not nested:
            self.rendered[chart] = objects
        return list(map(Document, objects.values()))

    def to_json(self, chart: IConstruct) -> list[Any] | None:
        """The objects of a chart as they were checked, in cdk8s' order; None to render them."""
        objects = (self.rendered or {}).get(chart)
        if objects is None:
            return None
        ordered = DependencyGraph(chart.node).topology()
        return [objects[each] for each in ordered if isinstance(each, ApiObject)]

    @contextmanager
    def synthesize(self) -> Iterator[None]:
        """Keeps what is checked, to be rendered."""
        self.rendered = {}
        try:
            yield
        finally:
            self.rendered = None

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


_STATE = "_cdk8s_inference_app"
_CHECKED = "_cdk8s_inference_checked"


@implements(IValidation)
class _Validation:
    """Has an app's own charts checked where another chart is rendered without ``synth``.

    One for the app: cdk8s calls each validation of the app for each chart that it renders.
    """

    def __init__(self, state: AppState) -> None:
        self._state = state

    def validate(self) -> list[str]:
        """The errors, for cdk8s to refuse the app with."""
        if self._state.rendering:
            return []
        findings = self._state.check_charts()
        warn(findings)
        return [str(finding) for finding in errors(findings)]


def _check_first(app: App, state: AppState) -> None:
    """Checks an app in Python before Node.js synthesizes it.

    What Python raises within a validation of cdk8s comes back as a text among fifty lines of stack.
    """

    def checked(synthesize: Callable[[], object]) -> Callable[[], object]:
        @wraps(synthesize)
        def check_and_synthesize() -> object:
            with state.synthesize():
                findings = state.check()
                warn(findings)
                if refused := errors(findings):
                    raise NotSynthesized(refused) from None
                with state.render():
                    return synthesize()

        return check_and_synthesize

    app.synth = checked(app.synth)  # type: ignore[method-assign,assignment]
    app.synth_yaml = checked(app.synth_yaml)  # type: ignore[method-assign,assignment]
