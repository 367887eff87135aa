"""API versions that Kubernetes had and no longer has, from its Deprecated API Migration Guide."""

from __future__ import annotations

from collections.abc import Mapping

_CURRENT: Mapping[str, tuple[str, str | None]] = {
    "admissionregistration.k8s.io/v1beta1 MutatingWebhookConfiguration": (
        "1.22",
        "admissionregistration.k8s.io/v1",
    ),
    "admissionregistration.k8s.io/v1beta1 ValidatingWebhookConfiguration": (
        "1.22",
        "admissionregistration.k8s.io/v1",
    ),
    "apiextensions.k8s.io/v1beta1": ("1.22", "apiextensions.k8s.io/v1"),
    "apiregistration.k8s.io/v1beta1": ("1.22", "apiregistration.k8s.io/v1"),
    "apps/v1beta1": ("1.16", "apps/v1"),
    "apps/v1beta2": ("1.16", "apps/v1"),
    "autoscaling/v2beta1": ("1.25", "autoscaling/v2"),
    "autoscaling/v2beta2": ("1.26", "autoscaling/v2"),
    "batch/v1beta1": ("1.25", "batch/v1"),
    "certificates.k8s.io/v1beta1 CertificateSigningRequest": ("1.22", "certificates.k8s.io/v1"),
    "coordination.k8s.io/v1beta1 Lease": ("1.22", "coordination.k8s.io/v1"),
    "discovery.k8s.io/v1beta1": ("1.25", "discovery.k8s.io/v1"),
    "events.k8s.io/v1beta1": ("1.25", "events.k8s.io/v1"),
    "extensions/v1beta1 DaemonSet": ("1.16", "apps/v1"),
    "extensions/v1beta1 Deployment": ("1.16", "apps/v1"),
    "extensions/v1beta1 Ingress": ("1.22", "networking.k8s.io/v1"),
    "extensions/v1beta1 NetworkPolicy": ("1.16", "networking.k8s.io/v1"),
    "extensions/v1beta1 PodSecurityPolicy": ("1.16", None),
    "extensions/v1beta1 ReplicaSet": ("1.16", "apps/v1"),
    "flowcontrol.apiserver.k8s.io/v1beta1": ("1.26", "flowcontrol.apiserver.k8s.io/v1"),
    "flowcontrol.apiserver.k8s.io/v1beta2": ("1.29", "flowcontrol.apiserver.k8s.io/v1"),
    "flowcontrol.apiserver.k8s.io/v1beta3": ("1.32", "flowcontrol.apiserver.k8s.io/v1"),
    "networking.k8s.io/v1beta1 Ingress": ("1.22", "networking.k8s.io/v1"),
    "networking.k8s.io/v1beta1 IngressClass": ("1.22", "networking.k8s.io/v1"),
    "node.k8s.io/v1beta1": ("1.25", "node.k8s.io/v1"),
    "policy/v1beta1 PodDisruptionBudget": ("1.25", "policy/v1"),
    "policy/v1beta1 PodSecurityPolicy": ("1.25", None),
    "rbac.authorization.k8s.io/v1alpha1": ("1.23", "rbac.authorization.k8s.io/v1"),
    "rbac.authorization.k8s.io/v1beta1": ("1.22", "rbac.authorization.k8s.io/v1"),
    "resource.k8s.io/v1alpha1": ("1.27", "resource.k8s.io/v1"),
    "resource.k8s.io/v1alpha2": ("1.31", "resource.k8s.io/v1"),
    "scheduling.k8s.io/v1beta1": ("1.22", "scheduling.k8s.io/v1"),
    "storage.k8s.io/v1beta1 CSIDriver": ("1.22", "storage.k8s.io/v1"),
    "storage.k8s.io/v1beta1 CSINode": ("1.22", "storage.k8s.io/v1"),
    "storage.k8s.io/v1beta1 CSIStorageCapacity": ("1.27", "storage.k8s.io/v1"),
    "storage.k8s.io/v1beta1 StorageClass": ("1.22", "storage.k8s.io/v1"),
    "storage.k8s.io/v1beta1 VolumeAttachment": ("1.22", "storage.k8s.io/v1"),
}
"""The release that removed it, and the apiVersion that took its place; by apiVersion, and by kind
where the apiVersion has kinds that stayed."""


def removed(api_version: str, kind: str) -> tuple[str, str | None] | None:
    """The release that removed a kind, and where it is now; None for one that was not removed."""
    return _CURRENT.get(f"{api_version} {kind}") or _CURRENT.get(api_version)
