"""Argo CD: an Application for each chart, in sync waves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk8s_inference import labels
from cdk8s_inference.arguments import checked
from cdk8s_inference.kubernetes_types import NonEmpty
from cdk8s_inference.stack.component import Component, HelmChart, Manifest, merge
from cdk8s_inference.stack.delivery.base import Delivered, Delivery, Plan

_VALUES: Mapping[str, Mapping[str, Any]] = {
    # istiod sets the failure policy of its webhooks to Fail once it runs. The charts say Ignore, so
    # that self-healing would set it back for ever (istio/istio#57643).
    name: {"base": {"validationFailurePolicy": "Fail"}}
    for name in ("istio-base", "istiod")
}
"""Values by component that charts need with Argo CD only."""

_WAVE = "argocd.argoproj.io/sync-wave"


@checked
@dataclass(frozen=True)
class ArgoCD(Delivery):
    """Delivery by Argo CD; the waves order what one application of yours syncs.

    The waves are negative, so that what has none, such as model deployments beside, comes last.

    Attributes:
        namespace: Where the Applications go.
        project: Their project.
        server: The cluster to install into.
    """

    namespace: NonEmpty = "argocd"
    project: NonEmpty = "default"
    server: NonEmpty = "https://kubernetes.default.svc"

    def deliver(self, plan: Plan) -> Delivered:
        """An Application for each chart; everything with its wave."""
        first = -(len(plan.stages) + 2)
        components = []
        for wave, stage in enumerate(plan.stages, start=first + 1):
            for component in stage:
                components += [_in_wave(manifest, wave) for manifest in component.manifests]
                if component.chart:
                    components.append(_in_wave(self._application(component, component.chart), wave))
        return Delivered(
            [_in_wave(manifest, first) for manifest in plan.foundation],
            components,
            [_in_wave(manifest, -1) for manifest in plan.gateway],
        )

    def _application(self, component: Component, chart: HelmChart) -> Manifest:
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {
                "name": component.name,
                "namespace": self.namespace,
                "labels": labels.of_stack(component.name),
            },
            "spec": {
                "project": self.project,
                "destination": {"server": self.server, "namespace": component.namespace},
                "source": {
                    "repoURL": chart.repository.removeprefix("oci://"),
                    "chart": chart.name,
                    "targetRevision": chart.version,
                    "helm": _helm(component),
                },
                "syncPolicy": {
                    "automated": {"prune": True, "selfHeal": True},
                    # Some charts' CRDs are too large for the annotation of a client-side apply.
                    "syncOptions": ["ServerSideApply=true"],
                    "retry": {
                        "limit": 10,
                        "backoff": {"duration": "10s", "factor": 2, "maxDuration": "5m"},
                    },
                },
            },
        }


def _helm(component: Component) -> dict[str, Any]:
    helm: dict[str, Any] = {"releaseName": component.name}
    if not component.brings_own_crds:
        helm["skipCrds"] = True
    if values := merge(_VALUES.get(component.name, {}), component.values):
        helm["valuesObject"] = values
    return helm


def _in_wave(manifest: Manifest, wave: int) -> Mapping[str, Any]:
    return merge(manifest, {"metadata": {"annotations": {_WAVE: str(wave)}}})
