"""The proxies of the gateway."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject


@STACK_RULES.rule(
    "S114",
    "warning",
    "The disruption budget of the proxies lets none be evicted",
    why="A node that runs one of them cannot be drained: its eviction is refused until another "
    "proxy is ready. Upgrades of the nodes stop there.",
    evidence="Kubernetes: an eviction is refused where fewer pods than minAvailable would be left. "
    "Envoy Gateway runs one proxy by default.",
    fix="run more proxies than min_available, with replicas, or leave min_available out",
    example=python(
        'ServingStack(App(), "stack", proxy=EnvoyProxy(min_available=1))\n',
        'ServingStack(App(), "stack", proxy=EnvoyProxy(replicas=2, min_available=1))\n',
    ),
)
def disruption_budget(stack: StackSubject) -> Iterator[Violation]:
    proxy = stack.props.proxy
    if proxy.min_available is not None and proxy.min_available >= proxy.fewest:
        yield Violation(
            stack.at("proxy", "min_available"),
            f"min_available is {proxy.min_available}, and the least number of proxies is "
            f"{proxy.fewest}",
        )
