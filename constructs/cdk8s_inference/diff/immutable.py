"""Fields that the API server lets nobody change: the object is deleted and made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cdk8s_inference.diff.field_change import MISSING, FieldChange

_APPS = "kubernetes/kubernetes pkg/apis/apps/validation/validation.go"
_BATCH = "kubernetes/kubernetes pkg/apis/batch/validation/validation.go"
_CORE = "kubernetes/kubernetes pkg/apis/core/validation/validation.go"
_RBAC = "kubernetes/kubernetes pkg/apis/rbac/validation/validation.go"
_RESOURCE = "kubernetes/kubernetes pkg/apis/resource/validation/validation.go"
_STORAGE = "kubernetes/kubernetes pkg/apis/storage/validation/validation.go"


@dataclass(frozen=True)
class Immutable:
    """Fields of a kind that cannot change.

    Attributes:
        paths: The fields, and all within them.
        source: Where that is from.
        but: Fields within them that may change.
    """

    paths: Sequence[tuple[str, ...]]
    source: str
    but: Sequence[tuple[str, ...]] = ()


_KINDS: Mapping[tuple[str, str], Immutable] = {
    ("apps", "Deployment"): Immutable([("spec", "selector")], _APPS),
    ("apps", "DaemonSet"): Immutable([("spec", "selector")], _APPS),
    ("apps", "ReplicaSet"): Immutable([("spec", "selector")], _APPS),
    ("apps", "StatefulSet"): Immutable(
        [("spec",)],
        _APPS,
        [
            ("spec", "replicas"),
            ("spec", "ordinals"),
            ("spec", "template"),
            ("spec", "updateStrategy"),
            ("spec", "revisionHistoryLimit"),
            ("spec", "persistentVolumeClaimRetentionPolicy"),
            ("spec", "minReadySeconds"),
        ],
    ),
    ("batch", "Job"): Immutable(
        [
            ("spec", "selector"),
            ("spec", "template"),
            ("spec", "completionMode"),
            ("spec", "completions"),
            ("spec", "podFailurePolicy"),
            ("spec", "backoffLimitPerIndex"),
            ("spec", "managedBy"),
            ("spec", "successPolicy"),
        ],
        _BATCH,
    ),
    ("", "PersistentVolumeClaim"): Immutable(
        [("spec",)],
        _CORE,
        [("spec", "resources", "requests"), ("spec", "volumeAttributesClassName")],
    ),
    ("", "Pod"): Immutable(
        [("spec",)],
        _CORE,
        [
            ("spec", "containers", "image"),
            ("spec", "initContainers", "image"),
            ("spec", "activeDeadlineSeconds"),
            ("spec", "tolerations"),
            ("spec", "schedulingGates"),
        ],
    ),
    ("", "Secret"): Immutable([("type",)], _CORE),
    ("resource.k8s.io", "ResourceClaim"): Immutable([("spec",)], _RESOURCE),
    ("resource.k8s.io", "ResourceClaimTemplate"): Immutable([("spec",)], _RESOURCE),
    ("rbac.authorization.k8s.io", "RoleBinding"): Immutable([("roleRef",)], _RBAC),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): Immutable([("roleRef",)], _RBAC),
    ("storage.k8s.io", "StorageClass"): Immutable(
        [("provisioner",), ("parameters",), ("reclaimPolicy",), ("volumeBindingMode",)], _STORAGE
    ),
    ("scheduling.k8s.io", "PriorityClass"): Immutable(
        [("value",), ("preemptionPolicy",)],
        "kubernetes/kubernetes pkg/apis/scheduling/validation/validation.go",
    ),
    ("gateway.networking.k8s.io", "GatewayClass"): Immutable(
        [("spec", "controllerName")], "the CRD of Gateway API: self == oldSelf"
    ),
    ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"): Immutable(
        [("spec", "leaderWorkerTemplate", "subGroupPolicy")],
        "kubernetes-sigs/lws v0.9.0 pkg/webhooks/leaderworkerset_webhook.go",
        [("spec", "leaderWorkerTemplate", "subGroupPolicy", "subGroupPolicyType")],
    ),
}  # fmt: skip


def immutable_changes(
    group: str, kind: str, changes: Sequence[FieldChange], old: Mapping[str, object]
) -> Iterator[tuple[FieldChange, str]]:
    """The changes that the API server refuses, each with where that is from.

    Args:
        group: The object's API group.
        kind: Its kind.
        changes: What changes of it.
        old: What it was before.
    """
    if kind in ("ConfigMap", "Secret") and not group and old.get("immutable") is True:
        fields = ("data", "binaryData", "stringData", "immutable")
        for change in changes:
            if change.names[0] in fields:
                yield change, _CORE
    if (group, kind) == ("", "Service"):
        for change in changes:
            given = change.old is not MISSING and change.new is not MISSING
            headless = "None" in (change.old, change.new)
            if change.is_below("spec", "clusterIP") and (given or headless):
                yield change, _CORE
    known = _KINDS.get((group, kind))
    if known is None:
        return
    for change in changes:
        if change.is_default or any(change.is_below(*path) for path in known.but):
            continue
        if any(change.is_below(*path) for path in known.paths):
            yield change, known.source
