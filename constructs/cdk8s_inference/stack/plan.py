"""From a serving stack's props to its objects and components, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cdk8s_inference import labels
from cdk8s_inference.stack.catalog import catalog
from cdk8s_inference.stack.component import Component, Manifest, merge, stages
from cdk8s_inference.stack.delivery.base import Plan
from cdk8s_inference.stack.gateway import gateway_objects
from cdk8s_inference.stack.props import StackProps


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
    return Plan(
        foundation=[*crds, *(_namespace(name) for name in _namespaces(components, props))],
        stages=stages(beyond_crds),
        gateway=[_labelled(entry, "inference-gateway") for entry in gateway_objects(props)],
    )


def _namespaces(components: Iterable[Component], props: StackProps) -> list[str]:
    names = {component.namespace for component in components if component.namespace}
    if props.provider.gateway_api:
        names.add(props.gateway.namespace)
    return sorted({*names, *props.model_namespaces})


def _namespace(name: str) -> Manifest:
    return _labelled({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, name)


def _labelled(manifest: Manifest, name: str) -> Manifest:
    return merge(manifest, {"metadata": {"labels": labels.of_stack(name)}})
