"""From valid deployments to manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cdk8s_inference.checks.composed import at_document
from cdk8s_inference.checks.document import without_repeats
from cdk8s_inference.checks.waiver import waivers_of_document
from cdk8s_inference.cli.inputs import Loaded, LoadedStack
from cdk8s_inference.findings import Finding
from cdk8s_inference.manifest_yaml import stringify
from cdk8s_inference.platform import Platform

if TYPE_CHECKING:
    from cdk8s_inference.stack.delivery import Delivery

DELIVERIES: Mapping[str, str] = {
    "flux": "Flux",
    "argocd": "ArgoCD",
    "crossplane": "Crossplane",
    "k3s": "K3s",
    "plain": "Plain",
}
"""The class of each delivery."""


class CannotCompose(Exception):
    """This machine lacks what composing needs; the message says what."""


def compose(loaded: Sequence[Loaded], platform: Platform) -> tuple[list[str], list[Finding]]:
    """The manifests of each deployment, as one YAML text, and what a check finds in them."""
    from cdk8s_inference.construct_tree import App
    from cdk8s_inference.deployment import ModelDeployment

    texts, findings = [], []
    for item in loaded:
        # An App each: two documents may describe one deployment on two clusters.
        chart = ModelDeployment.from_checked(
            App(),
            item.deployment.name,
            item.deployment,
            item.findings,
            platform,
            waivers=waivers_of_document(item.document),
        )
        said = {each.code for each in item.findings}
        new = [each for each in chart.check() if each.code not in said]
        told = without_repeats(item.findings, at_document(new, item.deployment, item.document))
        findings += [each for each in told if each not in item.findings]
        texts.append(stringify(chart.to_json()))
    return texts, findings


def compose_stack(stack: LoadedStack, delivery: str) -> list[str]:
    """The manifests of a serving stack's three parts, in the order to apply them.

    Raises:
        CannotCompose: The charts cannot be rendered here.
    """
    from cdk8s_inference.construct_tree import App
    from cdk8s_inference.stack import delivery as deliveries
    from cdk8s_inference.stack.delivery.plain import CannotRender
    from cdk8s_inference.stack.serving_stack import ServingStack

    chosen: Delivery = getattr(deliveries, DELIVERIES[delivery])()
    try:
        composed = ServingStack.from_props(
            App(), stack.name, stack.props, stack.findings, delivery=chosen
        )
    except CannotRender as error:
        raise CannotCompose(str(error)) from None
    charts = (composed.foundation, composed.components, composed)
    return [stringify(chart.to_json()) for chart in charts]
