"""The gateway's class, and whether there is a gateway at all."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings.example import Edit, document, python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.gateways import GATEWAY_PROVIDERS
from cdk8s_inference.stack.envoy_proxy import EnvoyProxy
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject


@STACK_RULES.rule(
    "S110",
    "error",
    "The GatewayClass does not belong to the gateway's provider",
    why="No controller accepts the Gateway, or a controller of another provider does. The Gateway "
    "gets no address.",
    evidence="Gateway API: a GatewayClass names its controller. The default names are those of the "
    "projects.",
    fix="leave the class out to use the provider's default, or use the provider of the class",
    example=document("stack", Edit("ServingStack/gke", "spec.gateway.className", "istio")),
)
def gateway_class(stack: StackSubject) -> Iterator[Violation]:
    provider, name = stack.props.provider, stack.props.class_name
    if not provider.gateway_api:
        return
    if name is None:
        yield Violation(
            stack.at("gateway_class"),
            f"{provider} has no default GatewayClass",
            fix="set the name of the class that its controller implements",
        )
        return
    others = [other for other in GATEWAY_PROVIDERS.values() if other.owns_class(name)]
    if provider.owns_class(name) or (provider.class_is_chosen and not others):
        return
    whose = f"belongs to {others[0].title}" if others else "is not one of its classes"
    default = provider.class_name
    leave_out = f"leave it out to use {default!r}" if default else "use another class"
    instead = f", or use the provider {others[0].name}" if others else ""
    yield Violation(
        stack.at("gateway_class"),
        f"the gateway's provider is {provider}, and GatewayClass {name!r} {whose}",
        fix=f"{leave_out}{instead}",
    )


@STACK_RULES.rule(
    "S111",
    "error",
    "A gateway or its proxies are configured, but the provider has none",
    why="Listeners, class and issuer have no effect: no Gateway is composed, and no port is open. "
    "The settings of proxies are those of Envoy Gateway.",
    evidence="With the provider standalone, each endpoint picker has an Envoy of its own. Other "
    "providers have no EnvoyProxy.",
    fix="remove the argument, or use another provider",
    example=python(
        """\
from cdk8s_inference.gateways import STANDALONE

ServingStack(
    App(),
    "stack",
    gateway=Gateway(provider=STANDALONE),
    listeners=[Listener.https("models-tls")],
)
""",
        """\
from cdk8s_inference.gateways import STANDALONE

ServingStack(
    App(),
    "stack",
    gateway=Gateway(provider=STANDALONE),
)
""",
    ),
)
def settings_without_gateway(stack: StackSubject) -> Iterator[Violation]:
    props = stack.props
    if props.proxy != EnvoyProxy() and props.provider.controller != "envoy-gateway":
        yield Violation(
            stack.at("proxy"),
            f"proxy is set, but the provider {props.provider.name} does not use Envoy Gateway",
            fix="remove the argument, or use the provider envoy-ai-gateway",
        )
    if props.provider.gateway_api:
        return
    given = {
        "gateway_class": props.gateway_class is not None,
        "listeners": props.listeners is not None,
        "addresses": bool(props.addresses),
        "issuer": props.issuer is not None,
    }
    for argument in (name for name, is_given in given.items() if is_given):
        yield Violation(
            stack.at(argument),
            f"{argument} is set, but the provider {props.provider.name} has no gateway",
        )
