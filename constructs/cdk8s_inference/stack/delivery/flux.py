"""Flux: a HelmRelease and a source for each chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


_RELEASES = "helm.toolkit.fluxcd.io/v2"


@checked
@dataclass(frozen=True)
class FluxRepository:
    """A Git repository from which Flux applies a stack, and deployments once the stack is ready.

    Attributes:
        name: Name of the GitRepository, in the namespace of the HelmReleases.
        stack: Folder with the stack's files.
        deployments: Folder with what comes after it.
    """

    name: NonEmpty = "flux-system"
    stack: NonEmpty = "./stack"
    deployments: NonEmpty = "./deployments"


@checked
@dataclass(frozen=True)
class Flux(Delivery):
    """Delivery by Flux's helm-controller; a release waits until those it depends on are ready.

    Attributes:
        namespace: Where the HelmReleases and sources go.
        interval: How often Flux looks at them.
        timeout: How long one installation may take.
        repository: Where the files are; composes a Kustomization for the stack, which is ready once
            all releases are, and one for the deployments, which waits for that. None for none.
    """

    namespace: NonEmpty = "flux-system"
    interval: NonEmpty = "1h"
    timeout: NonEmpty = "10m"
    repository: FluxRepository | None = None

    def deliver(self, plan: Plan) -> Delivered:
        """A HelmRelease for each chart, with ``dependsOn``."""
        components = [component for stage in plan.stages for component in stage]
        releases = {component.name for component in components if component.chart}
        objects: list[Manifest] = []
        for component in components:
            objects += component.manifests
            if component.chart:
                objects += self._release(component, component.chart, releases)
        if self.repository is not None:
            objects += self._kustomizations(self.repository, objects)
        return Delivered(plan.foundation, objects, plan.gateway)

    def _kustomizations(
        self, repository: FluxRepository, objects: Sequence[Manifest]
    ) -> Iterator[Manifest]:
        # Each by its name: with `wait` the stack would wait for itself, once it is applied from
        # its own folder.
        checks = [
            {
                "apiVersion": _RELEASES,
                "kind": "HelmRelease",
                "name": entry["metadata"]["name"],
                "namespace": self.namespace,
            }
            for entry in objects
            if entry["kind"] == "HelmRelease"
        ]
        yield self._kustomization(
            "serving-stack",
            repository,
            repository.stack,
            # With the CRDs all deployments would go.
            prune=False,
            healthChecks=checks,
            timeout="1h",
        )
        yield self._kustomization(
            "model-deployments",
            repository,
            repository.deployments,
            prune=True,
            dependsOn=[{"name": "serving-stack"}],
        )

    def _kustomization(
        self, name: str, repository: FluxRepository, path: str, **spec: object
    ) -> Manifest:
        return {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": labels.of_stack(name),
            },
            "spec": {
                "interval": self.interval,
                "retryInterval": _RETRY["retryInterval"],
                "sourceRef": {"kind": "GitRepository", "name": repository.name},
                "path": path,
                **spec,
            },
        }

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
            "apiVersion": _RELEASES,
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
