"""Flux: a HelmRelease and a source for each chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdk8s_inference import labels
from cdk8s_inference.arguments import checked
from cdk8s_inference.kubernetes_types import NonEmpty
from cdk8s_inference.stack.component import Component, HelmChart, Manifest
from cdk8s_inference.stack.delivery.base import Delivered, Delivery, Plan

_RETRY = {
    # By default a release that failed waits for a change of its chart or values. This one is
    # upgraded again, without an uninstallation or a rollback first. Flux 2.7 or newer.
    "name": "RetryOnFailure",
    "retryInterval": "1m",
}


@checked
@dataclass(frozen=True)
class Flux(Delivery):
    """Delivery by Flux's helm-controller; a release waits until those it depends on are ready.

    Attributes:
        namespace: Where the HelmReleases and sources go.
        interval: How often Flux looks at them.
        timeout: How long one installation may take.
    """

    namespace: NonEmpty = "flux-system"
    interval: NonEmpty = "1h"
    timeout: NonEmpty = "10m"

    def deliver(self, plan: Plan) -> Delivered:
        """A HelmRelease for each chart, with ``dependsOn``."""
        components = [component for stage in plan.stages for component in stage]
        releases = {component.name for component in components if component.chart}
        objects: list[Manifest] = []
        for component in components:
            objects += component.manifests
            if component.chart:
                objects += self._release(component, component.chart, releases)
        return Delivered(plan.foundation, objects, plan.gateway)

    def _release(
        self, component: Component, chart: HelmChart, releases: set[str]
    ) -> Iterator[Manifest]:
        metadata = {
            "name": component.name,
            "namespace": self.namespace,
            "labels": labels.of_stack(component.name),
        }
        if chart.is_oci:
            yield {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "OCIRepository",
                "metadata": metadata,
                "spec": {
                    "interval": self.interval,
                    "url": chart.url,
                    "ref": {"tag": chart.version},
                    "layerSelector": {
                        "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                        "operation": "copy",
                    },
                },
            }
            reference = {"kind": "OCIRepository", "name": component.name}
            source: dict[str, object] = {"chartRef": reference}
        else:
            yield {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "HelmRepository",
                "metadata": metadata,
                "spec": {"interval": self.interval, "url": chart.repository},
            }
            repository = {"kind": "HelmRepository", "name": component.name}
            spec = {"chart": chart.name, "version": chart.version, "sourceRef": repository}
            source = {"chart": {"spec": spec}}
        crds = "CreateReplace" if component.brings_own_crds else "Skip"
        after = [{"name": name} for name in component.after if name in releases]
        yield {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": metadata,
            "spec": {
                "interval": self.interval,
                "timeout": self.timeout,
                "releaseName": component.name,
                "targetNamespace": component.namespace,
                "storageNamespace": component.namespace,
                **source,
                **({"dependsOn": after} if after else {}),
                "install": {"crds": crds, "strategy": _RETRY},
                "upgrade": {"crds": crds, "strategy": _RETRY},
                **({"values": component.values} if component.values else {}),
            },
        }
