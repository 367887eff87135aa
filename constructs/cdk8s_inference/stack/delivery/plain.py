"""Plain: the charts rendered at synth, as objects for ``kubectl apply``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cdk8s_inference import names
from cdk8s_inference.arguments import checked
from cdk8s_inference.kubernetes_types import NonEmpty
from cdk8s_inference.releases.crds.prose import without_prose
from cdk8s_inference.source import read
from cdk8s_inference.stack.component import Component, HelmChart, Manifest
from cdk8s_inference.stack.delivery.base import Delivered, Delivery, Plan

_HOOK = "helm.sh/hook"
_HOOK_WEIGHT = "helm.sh/hook-weight"


class CannotRender(RuntimeError):
    """A chart cannot be rendered at synth; the message says what that needs."""


@checked
@dataclass(frozen=True)
class Plain(Delivery):
    """Delivery without a tool in the cluster: what Helm renders at synth is applied as it is.

    Synth needs the ``helm`` command, version 3.8 or newer, and the charts' repositories. Order is
    that of the files. Nothing waits, and nothing is pruned.

    Attributes:
        helm: The ``helm`` command.
        kubernetes: Kubernetes release to render for; None for the one that Helm assumes.
    """

    helm: NonEmpty = "helm"
    kubernetes: NonEmpty | None = None

    def deliver(self, plan: Plan) -> Delivered:
        """The charts' objects; their CRDs join the stack's own.

        Raises:
            CannotRender: There is no ``helm`` command, or it cannot render a chart; says why.
        """
        crds: list[Manifest] = []
        others: list[Manifest] = []
        for component in (component for stage in plan.stages for component in stage):
            others += component.manifests
            if component.chart:
                for manifest in self._render(component, component.chart):
                    if manifest["kind"] == "CustomResourceDefinition":
                        # With prose some exceed the 256 KiB of the annotation in which a
                        # client-side `kubectl apply` keeps what it applied.
                        crds.append(without_prose(manifest))
                    else:
                        others.append(manifest)
        return Delivered([*plan.foundation, *crds], others, plan.gateway)

    def _render(self, component: Component, chart: HelmChart) -> list[Manifest]:
        helm = shutil.which(self.helm)
        if helm is None:
            raise CannotRender(
                f"Plain delivery renders {chart.name} with the command {self.helm!r}, which is not "
                "installed here; install Helm (https://helm.sh/docs/intro/install/), or choose a "
                "delivery that renders in the cluster: Flux, ArgoCD, Crossplane or K3s"
            )
        return list(_in_order(self._template(helm, component, chart), component))

    def _template(self, helm: str, component: Component, chart: HelmChart) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            values = os.path.join(folder, "values.yaml")
            with open(values, "w", encoding="utf-8") as file:
                json.dump(dict(component.values), file)
            command = [helm, "template", *(["-f", values] if component.values else [])]
            if chart.repository is not None and not chart.is_oci:
                command += ["--repo", chart.repository]
            command += ["--version", chart.version]
            if component.namespace is not None:
                command += ["--namespace", component.namespace]
            command += [*self._flags(component), component.name]
            command += [chart.url if chart.is_oci else chart.name]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise _not_rendered(chart, done.stderr.decode(errors="replace"))
        name = f"<helm template {chart.name}>"
        documents, findings = read(done.stdout, name, may_be_empty=True, with_schemas=True)
        if findings:
            raise _not_rendered(chart, "\n".join(map(str, findings)))
        return [_without_nulls(document.data) for document in documents]

    def _flags(self, component: Component) -> list[str]:
        flags = ["--include-crds"] if component.brings_own_crds else []
        return [*flags, "--kube-version", self.kubernetes] if self.kubernetes else flags


def _not_rendered(chart: HelmChart, reason: str) -> CannotRender:
    return CannotRender(
        f"Plain delivery cannot render {chart.name} {chart.version} from {chart.repository}; it "
        "needs the network, or a chart repository that can be reached from here: "
        f"{reason.strip().removeprefix('Error: ')}"
    )


def _without_nulls(value: Any) -> Any:
    """A value without the fields that charts leave empty: an API server reads them as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _in_order(manifests: list[dict[str, Any]], component: Component) -> Iterator[Manifest]:
    """A chart's objects: what runs before an installation, the chart, what runs after it.

    What Helm runs only when it deletes, rolls back or tests a release is left out: applied like
    the rest, a clean-up job would run at once.
    """
    parts: dict[str, list[dict[str, Any]]] = {"pre-install": [], "": [], "post-install": []}
    for manifest in manifests:
        hooks = _annotations(manifest).get(_HOOK, "").replace(" ", "").split(",")
        part = next((name for name in parts if name in hooks), None)
        if part is not None:
            parts[part].append(_renamed_job(_in_namespace(manifest, component)))
    for part, members in parts.items():
        yield from sorted(members, key=_weight) if part else members


def _renamed_job(manifest: dict[str, Any]) -> dict[str, Any]:
    """A Job under a name that changes with its template, which an API server never changes.

    Helm deletes the Job of a release before it makes the next one's.
    """
    if manifest["kind"] != "Job":
        return manifest
    text = json.dumps(manifest.get("spec"), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    # A Job's name is a label of its pods.
    name = names.join(manifest["metadata"]["name"], digest)
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}}


def _annotations(manifest: Manifest) -> dict[str, str]:
    return manifest["metadata"].get("annotations") or {}


def _weight(manifest: Manifest) -> int:
    return int(_annotations(manifest).get(_HOOK_WEIGHT, "0"))


_CLUSTER_KINDS = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "DeviceClass",
        "GatewayClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "PersistentVolume",
        "PodSecurityPolicy",
        "PriorityClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)


def _in_namespace(manifest: dict[str, Any], component: Component) -> dict[str, Any]:
    """With the namespace that Helm would put it into: many charts leave it to the release."""
    if manifest["kind"] in _CLUSTER_KINDS or "namespace" in manifest["metadata"]:
        return manifest
    metadata = {**manifest["metadata"], "namespace": component.namespace}
    return {**manifest, "metadata": metadata}
