"""From a serving stack's props to its objects and components, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cdk8s_inference import labels
from cdk8s_inference.stack.catalog import PRIVILEGED, catalog
from cdk8s_inference.stack.component import Component, Manifest, merge, stages
from cdk8s_inference.stack.delivery.base import Plan
from cdk8s_inference.stack.gateway import gateway_objects
from cdk8s_inference.stack.props import StackProps

_POD_SECURITY = "pod-security.kubernetes.io/enforce"


def plan(props: StackProps) -> Plan:
    """What the stack consists of; the props keep every rule of :mod:`~.rules`."""
    own = [
        replace(
            component, manifests=[_labelled(entry, component.name) for entry in component.manifests]
        )
        for component in catalog(props)
    ]
    components = [*own, *props.extra]
    # CRDs are all in the foundation: a component with nothing else holds up nothing.
    beyond_crds = [component for component in components if component.chart or component.manifests]
    crds = [crd for component in components for crd in component.crds]
    controller = props.provider.controller
    return Plan(
        foundation=[*crds, *_namespaces(components, props)],
        stages=stages(beyond_crds),
        gateway=[_labelled(entry, "inference-gateway") for entry in gateway_objects(props)],
        controller=controller if controller in props.installed else None,
    )


def _namespaces(components: Sequence[Component], props: StackProps) -> Iterator[Manifest]:
    privileged = {c.namespace for c in components if c.name in PRIVILEGED}
    names = {*filter(None, (c.namespace for c in components)), *props.model_namespaces}
    if props.provider.gateway_api:
        names.add(props.gateway.namespace)
    for name in sorted(names):
        # Clusters that enforce another level by default refuse these pods.
        labels = {_POD_SECURITY: "privileged"} if name in privileged else {}
        metadata = {"name": name, **({"labels": labels} if labels else {})}
        yield _labelled({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, name)


def _labelled(manifest: Manifest, name: str) -> Manifest:
    return merge(manifest, {"metadata": {"labels": labels.of_stack(name)}})
