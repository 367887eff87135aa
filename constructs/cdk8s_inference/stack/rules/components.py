"""Which components a stack installs, and whether those that they require are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.stack.catalog import NEEDS
from cdk8s_inference.stack.props import COMPONENT_NAMES, NAMESPACES, ComponentName
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject


@STACK_RULES.rule(
    "S101",
    "error",
    "A component is unknown, or has values but is not installed",
    why="A misspelled component is installed although it should not be. Values of a component "
    "that is not installed have no effect.",
    evidence="The components that docs/serving-stack.md lists.",
    fix="correct the name; to install another component, use extra",
    example=python(
        'ServingStack(App(), "stack", without=["prometheus"])\n',
        'ServingStack(App(), "stack", without=["kube-prometheus-stack"])\n',
    ),
)
def unknown_components(stack: StackSubject) -> Iterator[Violation]:
    props = stack.props
    arguments: Mapping[str, Iterable[ComponentName]] = {
        "present": props.present,
        "without": props.without,
        "namespaces": props.namespaces,
        "values": props.values,
    }
    with_charts = [name for name in COMPONENT_NAMES if name in NAMESPACES]
    for argument, names in arguments.items():
        known = with_charts if argument in ("namespaces", "values") else COMPONENT_NAMES
        for name in names:
            if name not in known:
                what = "has no Helm chart" if name in COMPONENT_NAMES else "is unknown"
                yield Violation(
                    stack.at(argument, name),
                    f"component {name!r} {what}",
                    fix=f"use one of {', '.join(known)}",
                )
    for name in props.values:
        if name in NAMESPACES and not props.has(name):
            yield Violation(
                stack.at("values", name),
                f"component {name} has values, but is not installed",
                fix="remove the values, or install the component",
            )


@STACK_RULES.rule(
    "S102",
    "error",
    "A component is in both present and without",
    why="present says that the cluster has the component, and without says that it does not. "
    "The components that require it work only in the first case.",
    evidence="The definition of ServingStack's arguments present and without.",
    fix="name it in present if the cluster has it, otherwise in without",
    example=python(
        'ServingStack(App(), "stack", present=["cert-manager"], without=["cert-manager"])\n',
        'ServingStack(App(), "stack", present=["cert-manager"])\n',
    ),
)
def present_and_without(stack: StackSubject) -> Iterator[Violation]:
    for name in stack.props.present:
        if name in stack.props.without:
            yield Violation(
                stack.at("without", name), f"component {name} is in both present and without"
            )


@STACK_RULES.rule(
    "S103",
    "error",
    "A component that another one requires is missing",
    why="The component that requires it does not become ready, or reports no error and does not "
    "work. For example, without Node Feature Discovery GPU nodes have no label, and the DRA "
    "driver does not run on them. Without the AI Gateway's controller, routes are accepted and "
    "Envoy has no listener.",
    evidence="NVIDIA's DRA driver selects nodes by these labels. The routes: observed with Envoy "
    "Gateway v1.8.",
    fix="install the component, or name it in present if the cluster has it",
    example=python(
        'ServingStack(App(), "stack", without=["node-feature-discovery"])\n',
        'ServingStack(App(), "stack", present=["node-feature-discovery"])\n',
    ),
)
def missing_components(stack: StackSubject) -> Iterator[Violation]:
    props = stack.props
    gateway = ["gateway-api"] if props.provider.gateway_api else []
    if props.provider.controller is not None:
        gateway.append(props.provider.controller)
    # A component that the cluster has was installed with what it needs, but for the gateway's.
    others = [(name, need) for name in props.installed for need in NEEDS.get(name, ())]
    for who, need in [*(("the gateway", name) for name in gateway), *others]:
        if not props.has(need):
            yield Violation(
                stack.at("without", need),
                f"{who} requires {need}, which is neither installed nor present",
            )
    issued = any(listener.certificate is not None for listener in props.open_listeners)
    if props.issuer and issued and not props.has("cert-manager"):
        yield Violation(
            stack.at("issuer"),
            "the issuer requires cert-manager, which is neither installed nor present",
        )
