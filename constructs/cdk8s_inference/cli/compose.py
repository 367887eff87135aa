"""From valid deployments to manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from cdk8s_inference import plain_tree
from cdk8s_inference.checks.composed import at_document
from cdk8s_inference.checks.document import without_repeats
from cdk8s_inference.checks.waiver import waivers_of_document
from cdk8s_inference.cli.inputs import Loaded, LoadedStack
from cdk8s_inference.cli.parallel import parallel_map
from cdk8s_inference.findings import Finding
from cdk8s_inference.manifest_yaml import stringify
from cdk8s_inference.platform import Platform

if TYPE_CHECKING:
    from cdk8s_inference.cli.manifest_cache import ManifestCache
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


@dataclass(frozen=True)
class Composed:
    """What became of a document.

    Attributes:
        text: The manifests, as one YAML text.
        findings: What a check finds in them.
    """

    text: str
    findings: Sequence[Finding]


def compose(
    loaded: Sequence[Loaded], platform: Platform, jobs: int, cache: ManifestCache | None = None
) -> Iterator[Composed]:
    """The manifests of each deployment, in order.

    Args:
        jobs: Processes that compose, at most.
        cache: What earlier runs composed, if it is kept.
    """
    kept = [cache.get(item) if cache else None for item in loaded]
    changed = [item for item, text in zip(loaded, kept, strict=True) if text is None]
    fresh = _compose_all(changed, platform, jobs)
    for item, text in zip(loaded, kept, strict=True):
        if text is not None:
            yield Composed(text, ())
            continue
        composed = next(fresh)
        if cache and not composed.findings:
            cache.put(item, composed.text)
        yield composed


def _compose_all(loaded: Sequence[Loaded], platform: Platform, jobs: int) -> Iterator[Composed]:
    # Imported before processes are forked, which share it then.
    import cdk8s_inference.deployment  # noqa: F401

    # Constructs live in one Node.js, which forked processes cannot share.
    jobs = jobs if plain_tree.is_used() else 1
    yield from parallel_map(partial(_composed, platform=platform), loaded, jobs)


def _composed(item: Loaded, platform: Platform) -> Composed:
    from cdk8s_inference.construct_tree import App
    from cdk8s_inference.deployment import ModelDeployment

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
    text = stringify(chart.to_json())
    return Composed(text, [each for each in told if each not in item.findings])


def images_of(text: str) -> frozenset[str]:
    """The images of all containers in manifests, of which few runs are asked."""
    return frozenset(_images(list(yaml.load_all(text, yaml.CSafeLoader))))


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("containers", "initContainers"):
                yield from (container["image"] for container in inner if "image" in container)
            else:
                yield from _images(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _images(inner)


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
