"""Components that a user adds to a stack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.names import LABEL
from cdk8s_inference.stack.component import Component, stages
from cdk8s_inference.stack.props import COMPONENT_NAMES
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject

_RELEASE_NAME_LIMIT = 53


@STACK_RULES.rule(
    "S105",
    "error",
    "An extra component cannot be installed",
    why="The chart has no namespace, two Helm releases have the same name, or components wait for "
    "each other forever.",
    evidence="Helm: a release has a namespace, and a name of at most 53 characters.",
    fix="set the namespace, use a name of its own, and name existing components in after",
    example=python(
        """\
keda = HelmChart("https://kedacore.github.io/charts", "keda", "2.18.0")
ServingStack(App(), "stack", extra=[Component("keda", chart=keda)])
""",
        """\
keda = HelmChart("https://kedacore.github.io/charts", "keda", "2.18.0")
ServingStack(App(), "stack", extra=[Component("keda", namespace="keda", chart=keda)])
""",
    ),
)
def extra_components(stack: StackSubject) -> Iterator[Violation]:
    extra = stack.props.extra
    counts = Counter(component.name for component in extra)
    for index, component in enumerate(extra):
        if component.name in COMPONENT_NAMES or counts[component.name] > 1:
            yield Violation(
                stack.at("extra", index, "name"),
                f"two components are named {component.name}",
                fix="use another name; to change a component of the stack, use values and versions",
            )
        yield from _component(stack, index, component)
        for name in component.after:
            if name not in {*COMPONENT_NAMES, *counts}:
                yield Violation(
                    stack.at("extra", index, "after"),
                    f"{component.name} is installed after {name!r}, which is not a component",
                    fix=f"use one of {', '.join(sorted({*COMPONENT_NAMES, *counts}))}",
                )
    if max(counts.values(), default=0) <= 1:
        try:
            stages(extra)
        except ValueError as error:
            yield Violation(stack.at("extra"), str(error), fix="remove one of these from after")


def _component(stack: StackSubject, index: int, component: Component) -> Iterator[Violation]:
    if not LABEL.fullmatch(component.name) or len(component.name) > _RELEASE_NAME_LIMIT:
        yield Violation(
            stack.at("extra", index, "name"),
            f"{component.name!r} is not a valid name of a Helm release",
            fix=f"use at most {_RELEASE_NAME_LIMIT} lower case letters, digits and '-'",
        )
    if component.chart is not None and component.namespace is None:
        yield Violation(
            stack.at("extra", index, "namespace"),
            f"component {component.name} has a chart, but no namespace",
            fix="set namespace",
        )
