"""The order of a pod's fields, as people read them: where it goes, then what it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CONTAINERS = ("initContainers", "containers", "resourceClaims", "volumes")
"""The fields of a pod that are long, and so come last."""

_POD = (
    "schedulerName",
    "priorityClassName",
    "runtimeClassName",
    "hostNetwork",
    "dnsPolicy",
    "hostIPC",
    "nodeSelector",
    "tolerations",
    "topologySpreadConstraints",
    "affinity",
    "securityContext",
    "terminationGracePeriodSeconds",
    "enableServiceLinks",
    "imagePullSecrets",
    "automountServiceAccountToken",
    "serviceAccountName",
)

_CONTAINER = (
    "name",
    "image",
    "imagePullPolicy",
    "restartPolicy",
    "command",
    "args",
    "env",
    "envFrom",
    "ports",
    "startupProbe",
    "readinessProbe",
    "livenessProbe",
    "lifecycle",
    "resources",
    "securityContext",
    "volumeMounts",
)

_RESOURCES = ("requests", "limits", "claims")


def pod_in_order(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same pod, with its fields and those of its containers in order."""
    ordered = _in_order(spec, _POD, CONTAINERS)
    for key in ("initContainers", "containers"):
        if key in ordered:
            ordered[key] = [container_in_order(each) for each in ordered[key]]
    return ordered


def container_in_order(container: Mapping[str, Any]) -> dict[str, Any]:
    """The same container, with its fields in order."""
    ordered = _in_order(container, _CONTAINER)
    if isinstance(resources := ordered.get("resources"), Mapping):
        ordered["resources"] = _in_order(resources, _RESOURCES)
    return ordered


def fields_after(key: str) -> Sequence[str]:
    """The fields of a pod that come after one."""
    order = (*_POD, *CONTAINERS)
    return order[order.index(key) + 1 :]


def _in_order(
    fields: Mapping[str, Any], first: Sequence[str], last: Sequence[str] = ()
) -> dict[str, Any]:
    others = [key for key in fields if key not in first and key not in last]
    return {key: fields[key] for key in (*first, *others, *last) if key in fields}
