"""Crossplane: a provider-helm Release for each chart, a provider-kubernetes Object for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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

_ADMITTED_BY: Mapping[str, tuple[str, ...]] = {"ai-gateway": ("cert-manager",)}
"""The components whose charts have objects that the webhook of another admits.

The others come up in any order; and a chart with a strict schema, as istiod's, would refuse the
value by which a Release waits.
"""

_DEPLOYED = "deployed"
"""Key, and end of the name, of the Secret that says that a Release is deployed."""

_COMPOSITE = "crossplane.io/composite"

_V1_NAMESPACE = "crossplane-system"
"""Where the Secrets of cluster-scoped Releases go."""

_ROLLBACK_LIMIT = 10
"""How often a failed release is rolled back and tried again."""


@checked
@dataclass(frozen=True)
class Crossplane(Delivery):
    """Delivery by Crossplane's Helm and Kubernetes providers, into any cluster they reach.

    An Object is made once those it depends on are there. A Release has no such field. One whose
    objects the webhook of another admits takes a value from a Secret that provider-helm writes once
    that one is deployed. One that fails is tried again, as often as its ``rollbackLimit`` says.

    Usages have the objects deleted in the other order. CRDs stay, as Helm leaves them: with one go
    all objects of its kind, those of model deployments too.

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
        charts = {c.name: c for stage in plan.stages for c in stage if c.chart}
        awaited = {
            name: [each for each in _ADMITTED_BY.get(name, ()) if each in charts] for name in charts
        }
        components: list[Manifest] = []
        for stage in plan.stages:
            for component in stage:
                components += [self._object(manifest, ours) for manifest in component.manifests]
                if component.chart:
                    after = awaited[component.name]
                    release = self._release(component, component.chart, after)
                    if any(component.name in names for names in awaited.values()):
                        release["spec"] |= self._told_once_deployed(component)
                    components.append(release)
        return Delivered(
            [self._object(manifest, ours) for manifest in plan.foundation],
            components,
            [*(self._object(manifest, ours) for manifest in plan.gateway), *self._usages(plan)],
        )

    def _release(
        self, component: Component, chart: HelmChart, after: Sequence[str]
    ) -> dict[str, Any]:
        parameters: dict[str, Any] = {
            "chart": {
                "repository": chart.repository,
                "name": chart.name,
                "version": chart.version,
            },
            "namespace": component.namespace,
            "skipCreateNamespace": True,
            "wait": True,
            # By default 5 minutes, which a slow pull of an image exceeds. Below the 10 minutes that
            # the provider gives a reconcile (its --timeout), which does not end Helm's wait: after
            # them what Helm did is not written down.
            "waitTimeout": "9m",
        }
        if not component.brings_own_crds:
            parameters["skipCRDs"] = True
        if component.values:
            parameters["values"] = component.values
        if after:
            # The chart passes over a global value that it does not know. Until the Secret is
            # there, provider-helm reports an error and tries again; nothing is installed.
            parameters["set"] = [
                {
                    "name": f"global.after.{name}",
                    "valueFrom": {"secretKeyRef": {**self._secret(name), "key": _DEPLOYED}},
                }
                for name in after
            ]
        metadata = {
            **self._metadata(self._release_name(component.name), component.name),
            "annotations": {_EXTERNAL_NAME: component.name},
        }
        return {
            "apiVersion": self._release_version,
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

    def _told_once_deployed(self, component: Component) -> dict[str, Any]:
        """Has provider-helm write a Secret once a Release is deployed and its pods are ready."""
        # Something that every namespace has, since the name of a chart's own object may change.
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "default"}
        detail = {
            **account,
            "namespace": component.namespace,
            "fieldPath": "metadata.name",
            "toConnectionSecretKey": _DEPLOYED,
            "skipPartOfReleaseCheck": True,
        }
        return {
            "connectionDetails": [detail],
            "writeConnectionSecretToRef": self._secret(component.name),
        }

    def _secret(self, component: str) -> dict[str, str]:
        place = {"namespace": _V1_NAMESPACE} if self.namespace is None else {}
        return {"name": f"{self._release_name(component)}-{_DEPLOYED}", **place}

    def _usages(self, plan: Plan) -> Iterator[Manifest]:
        """What must not be deleted before what."""
        charts = {c.name: c for stage in plan.stages for c in stage if c.chart}
        namespaces = {
            entry["metadata"]["name"]: self._reference(self._name(entry))
            for entry in plan.foundation
            if entry["kind"] == "Namespace"
        }
        for component in charts.values():
            release = self._release_reference(component.name)
            if component.namespace in namespaces:
                # Its controller would go with its namespace, before what only that finalizes.
                yield self._usage(namespaces[component.namespace], release)
            for name in component.after:
                if name in charts:
                    yield self._usage(self._release_reference(name), release)
        used = None if plan.controller is None else self._release_reference(plan.controller)
        for entry in plan.gateway:
            user = self._reference(self._name(entry))
            if used is not None:
                yield self._usage(used, user)
            used = user

    def _usage(self, used: dict[str, str], user: dict[str, str]) -> Manifest:
        def reference(of: dict[str, str]) -> dict[str, Any]:
            return {
                "apiVersion": of["apiVersion"],
                "kind": of["kind"],
                "resourceRef": {"name": of["name"]},
            }

        name = names.join(
            user["name"], "uses", used["name"].removeprefix(f"{self.prefix}-"), limit=253
        )
        metadata = self._metadata(name, labels.SERVING_STACK)
        # By this label, which is that of parts of a composition, a Usage that is deleted with the
        # rest stays until its user is gone.
        metadata["labels"] = {**metadata["labels"], _COMPOSITE: names.join(self.prefix)}
        group = "apiextensions" if self.namespace is None else "protection"
        return {
            "apiVersion": f"{group}.crossplane.io/v1beta1",
            "kind": "Usage",
            "metadata": metadata,
            "spec": {
                "of": reference(used),
                "by": reference(user),
                # A deletion that was refused is done once it is allowed.
                "replayDeletion": True,
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
        if manifest["kind"] == "CustomResourceDefinition":
            spec["managementPolicies"] = ["Observe", "Create", "Update", "LateInitialize"]
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
    def _release_version(self) -> str:
        return f"helm.{self._group}/v1beta1"

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

    def _release_name(self, component: str) -> str:
        return f"{self.prefix}-{component}"

    def _release_reference(self, component: str) -> dict[str, str]:
        return {
            "apiVersion": self._release_version,
            "kind": "Release",
            "name": self._release_name(component),
            **self._place,
        }

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
