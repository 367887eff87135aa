"""Crossplane: a provider-helm Release for each chart, a provider-kubernetes Object for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cdk8s_inference import labels, names
from cdk8s_inference.arguments import checked
from cdk8s_inference.kubernetes_types import NonEmpty
from cdk8s_inference.stack.component import Component, HelmChart, Manifest
from cdk8s_inference.stack.delivery.base import Delivered, Delivery, Plan

_EXTERNAL_NAME = "crossplane.io/external-name"

_READY = {
    "CustomResourceDefinition": (
        "has(object.status) && has(object.status.conditions) && object.status.conditions.exists("
        "c, c.type == 'Established' && c.status == 'True')"
    ),
    # Programmed comes earlier than the address that clients need.
    "Gateway": (
        "has(object.status) && has(object.status.addresses) && size(object.status.addresses) > 0"
    ),
}
"""When an object of a kind is ready, as CEL; others are once they exist."""

_ROLLBACK_LIMIT = 10
"""How often a failed release is rolled back and tried again."""


@checked
@dataclass(frozen=True)
class Crossplane(Delivery):
    """Delivery by Crossplane's Helm and Kubernetes providers, into any cluster they reach.

    An Object is made once those it depends on are there. A Release has no such field: one that
    fails is tried again, as often as its ``rollbackLimit`` says.

    Attributes:
        prefix: Starts every name, so that one control plane can hold many clusters' stacks.
        namespace: Where Releases and Objects go; None for the cluster-scoped kinds of
            Crossplane v1.
        helm_config: Name of the Helm provider's config: a ClusterProviderConfig, or in v1 a
            ProviderConfig.
        kubernetes_config: Name of the Kubernetes provider's.
    """

    prefix: NonEmpty = "serving-stack"
    namespace: NonEmpty | None = "crossplane-system"
    helm_config: NonEmpty = "default"
    kubernetes_config: NonEmpty = "default"

    def deliver(self, plan: Plan) -> Delivered:
        """A Release for each chart; every other object in an Object."""
        ours = [
            *plan.foundation,
            *(manifest for stage in plan.stages for c in stage for manifest in c.manifests),
            *plan.gateway,
        ]
        components: list[Manifest] = []
        for stage in plan.stages:
            for component in stage:
                components += [self._object(manifest, ours) for manifest in component.manifests]
                if component.chart:
                    components.append(self._release(component, component.chart))
        return Delivered(
            [self._object(manifest, ours) for manifest in plan.foundation],
            components,
            [self._object(manifest, ours) for manifest in plan.gateway],
        )

    def _release(self, component: Component, chart: HelmChart) -> Manifest:
        parameters: dict[str, Any] = {
            "chart": {
                "repository": chart.repository,
                "name": chart.name,
                "version": chart.version,
            },
            "namespace": component.namespace,
            "skipCreateNamespace": True,
            "wait": True,
            # By default 5 minutes, which a slow pull of an image exceeds.
            "waitTimeout": "15m",
        }
        if not component.brings_own_crds:
            parameters["skipCRDs"] = True
        if component.values:
            parameters["values"] = component.values
        metadata = {
            **self._metadata(f"{self.prefix}-{component.name}", component.name),
            "annotations": {_EXTERNAL_NAME: component.name},
        }
        return {
            "apiVersion": f"helm.{self._group}/v1beta1",
            "kind": "Release",
            "metadata": metadata,
            "spec": {
                "forProvider": parameters,
                "providerConfigRef": self._config(self.helm_config),
                # Without a limit provider-helm takes a failed release for up to date, and never
                # tries again (crossplane-contrib/provider-helm#193).
                "rollbackLimit": _ROLLBACK_LIMIT,
            },
        }

    def _object(self, manifest: Manifest, ours: Sequence[Manifest]) -> Manifest:
        spec: dict[str, Any] = {
            "forProvider": {"manifest": manifest},
            "providerConfigRef": self._config(self.kubernetes_config),
        }
        if needed := _needs(manifest, ours):
            spec["references"] = [
                {"dependsOn": self._reference(self._name(other))} for other in needed
            ]
        if query := _READY.get(manifest["kind"]):
            spec["readiness"] = {"policy": "DeriveFromCelQuery", "celQuery": query}
        return {
            "apiVersion": self._object_version,
            "kind": "Object",
            "metadata": self._metadata(self._name(manifest), _part(manifest)),
            "spec": spec,
        }

    def _name(self, manifest: Manifest) -> str:
        metadata, kind = manifest["metadata"], manifest["kind"].lower()
        short = "crd" if kind == "customresourcedefinition" else kind
        parts = (self.prefix, short, metadata.get("namespace"), metadata["name"])
        return names.join(*filter(None, parts), limit=253)

    @property
    def _group(self) -> str:
        return "crossplane.io" if self.namespace is None else "m.crossplane.io"

    @property
    def _object_version(self) -> str:
        return f"kubernetes.{self._group}/{'v1alpha2' if self.namespace is None else 'v1alpha1'}"

    @property
    def _place(self) -> dict[str, str]:
        return {} if self.namespace is None else {"namespace": self.namespace}

    def _metadata(self, name: str, of: str) -> dict[str, Any]:
        return {"name": name, **self._place, "labels": labels.of_stack(of)}

    def _config(self, name: str) -> dict[str, str]:
        kind = {} if self.namespace is None else {"kind": "ClusterProviderConfig"}
        return {**kind, "name": name}

    def _reference(self, name: str) -> dict[str, str]:
        return {
            "apiVersion": self._object_version,
            "kind": "Object",
            "name": name,
            **self._place,
        }


def _part(manifest: Manifest) -> str:
    """What of the stack an object belongs to, as its own label says; CRDs have none."""
    name: str = manifest["metadata"].get("labels", {}).get(labels.NAME, labels.SERVING_STACK)
    return name if len(name) <= names.LABEL_LIMIT else labels.SERVING_STACK


def _needs(manifest: Manifest, ours: Iterable[Manifest]) -> list[Manifest]:
    """The stack's objects without which a cluster refuses this one: its namespace, its CRD."""
    namespace = manifest["metadata"].get("namespace")
    kind = (manifest["apiVersion"].partition("/")[0], manifest["kind"])

    def needed(other: Manifest) -> bool:
        if other["kind"] == "Namespace":
            return bool(other["metadata"]["name"] == namespace)
        if other["kind"] == "CustomResourceDefinition":
            return (other["spec"]["group"], other["spec"]["names"]["kind"]) == kind
        return False

    return [other for other in ours if needed(other)]
