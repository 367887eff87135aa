"""Names of a stack's namespaces and of its GatewayClass."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.names import LABEL, SUBDOMAIN
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject


@STACK_RULES.rule(
    "S107",
    "error",
    "The name of a namespace or GatewayClass is not valid",
    why="The API server rejects the object, and every object in the namespace.",
    evidence="Kubernetes: the name of a namespace is an RFC 1123 label, the name of a GatewayClass "
    "an RFC 1123 subdomain.",
    fix="use lower case letters, digits and '-'; start and end with a letter or digit",
    example=python(
        'ServingStack(App(), "stack", model_namespaces=["ML_Team"])\n',
        'ServingStack(App(), "stack", model_namespaces=["ml-team"])\n',
    ),
)
def invalid_names(stack: StackSubject) -> Iterator[Violation]:
    props = stack.props
    namespaces = [
        *(
            (stack.at("namespaces", component), name)
            for component, name in props.namespaces.items()
        ),
        *(
            (stack.at("model_namespaces", index), name)
            for index, name in enumerate(props.model_namespaces)
        ),
    ]
    for at, namespace in namespaces:
        if not LABEL.fullmatch(namespace):
            yield Violation(at, f"{namespace!r} is not a valid name of a namespace")
    if props.gateway_class is not None and not SUBDOMAIN.fullmatch(props.gateway_class):
        yield Violation(
            stack.at("gateway_class"),
            f"{props.gateway_class!r} is not a valid name of a GatewayClass",
        )
