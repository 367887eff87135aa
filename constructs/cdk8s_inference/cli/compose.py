"""From valid deployments to manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from cdk8s_inference import INSTALL
from cdk8s_inference.checks.composed import at_document
from cdk8s_inference.checks.document import without_repeats
from cdk8s_inference.checks.waiver import waivers_of_document
from cdk8s_inference.cli.inputs import Loaded, LoadedStack
from cdk8s_inference.findings import Finding
from cdk8s_inference.platform import Platform
from cdk8s_inference.stack.delivery import ArgoCD, Crossplane, Delivery, Flux, K3s, Plain

DELIVERIES: Mapping[str, Delivery] = {
    "flux": Flux(),
    "argocd": ArgoCD(),
    "crossplane": Crossplane(),
    "k3s": K3s(),
    "plain": Plain(),
}


def compose(loaded: Sequence[Loaded], platform: Platform) -> tuple[list[str], list[Finding]]:
    """The manifests of each deployment, as one YAML text, and what a check finds in them.

    Raises:
        OSError: Node.js does not start.
    """
    _start_node()
    from cdk8s import App, Yaml

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
        texts.append(Yaml.stringify(*chart.to_json()))
    return texts, findings


def compose_stack(stack: LoadedStack, delivery: Delivery) -> list[str]:
    """The manifests of a serving stack's three parts, in the order to apply them.

    Raises:
        OSError: Node.js does not start.
        CannotRender: The charts cannot be rendered here.
    """
    _start_node()
    from cdk8s import App, Yaml

    from cdk8s_inference.stack.serving_stack import ServingStack

    composed = ServingStack.from_props(
        App(), stack.name, stack.props, stack.findings, delivery=delivery
    )
    charts = (composed.foundation, composed.components, composed)
    return [Yaml.stringify(*chart.to_json()) for chart in charts]


def _start_node() -> None:
    """Starts Node.js by importing cdk8s, which a wrong input must not wait for."""
    try:
        import cdk8s  # noqa: F401
    except OSError:
        raise
    except ModuleNotFoundError as error:
        raise click.UsageError(f"synth needs {error.name}: {INSTALL}") from None
    except Exception as error:
        # jsii passes on what Node.js says, such as of a folder that it cannot write to.
        raise OSError(str(error).partition("\n")[0]) from None
