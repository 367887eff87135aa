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
        replace(component, manifests=[_labelled(manifest) for manifest in component.manifests])
        for component in catalog(props)
    ]
    components = [*own, *props.extra]
    # CRDs are all in the foundation: a component with nothing else holds up nothing.
    beyond_crds = [component for component in components if component.chart or component.manifests]
    crds = [crd for component in components for crd in component.crds]
    gateway = gateway_objects(
        props.gateway,
        class_name=props.gateway_class,
        listeners=props.listeners,
        issuer=props.issuer,
        proxy_namespace=props.namespace("envoy-gateway"),
    )
    return Plan(
        foundation=[*crds, *map(_labelled, _namespaces(components, props.gateway.namespace))],
        stages=stages(beyond_crds),
        gateway=[_labelled(manifest) for manifest in gateway],
    )


def _namespaces(components: Iterable[Component], gateway: str) -> list[Manifest]:
    names = {component.namespace for component in components if component.namespace}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in sorted({*names, gateway})
    ]


def _labelled(manifest: Manifest) -> Manifest:
    own = {
        "app.kubernetes.io/managed-by": labels.MANAGED_BY,
        "app.kubernetes.io/part-of": "serving-stack",
    }
    return merge(manifest, {"metadata": {"labels": own}})
