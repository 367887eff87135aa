"""k3s: a HelmChart for each chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from cdk8s_inference import labels
from cdk8s_inference.arguments import checked
from cdk8s_inference.kubernetes_types import NonEmpty
from cdk8s_inference.stack.component import Component, HelmChart, Manifest
from cdk8s_inference.stack.delivery.base import Delivered, Delivery, Plan


@checked
@dataclass(frozen=True)
class K3s(Delivery):
    """Delivery by the helm-controller of k3s and RKE2.

    It has no order of its own: all charts start at once, and a job that fails is tried again.
    Helm leaves a CRD that exists as it is, so those of the stack's own files stay.

    Attributes:
        namespace: Where the HelmCharts and their jobs go.
    """

    namespace: NonEmpty = "kube-system"

    def deliver(self, plan: Plan) -> Delivered:
        """A HelmChart for each chart, in the order in which they should start."""
        objects: list[Manifest] = []
        for stage in plan.stages:
            for component in stage:
                objects += component.manifests
                if component.chart:
                    objects.append(self._chart(component, component.chart))
        return Delivered(plan.foundation, objects, plan.gateway)

    def _chart(self, component: Component, chart: HelmChart) -> Manifest:
        spec: dict[str, Any] = {
            **({"chart": chart.url} if chart.is_oci else _in_repository(chart)),
            "version": chart.version,
            "targetNamespace": component.namespace,
        }
        if component.values:
            spec["valuesContent"] = yaml.safe_dump(dict(component.values), sort_keys=True)
        return {
            "apiVersion": "helm.cattle.io/v1",
            "kind": "HelmChart",
            "metadata": {
                "name": component.name,
                "namespace": self.namespace,
                "labels": labels.of_stack(component.name),
            },
            "spec": spec,
        }


def _in_repository(chart: HelmChart) -> dict[str, str]:
    return {"repo": chart.repository, "chart": chart.name}
