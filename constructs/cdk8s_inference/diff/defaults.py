"""Values that the API server sets where nothing is written, so that writing them changes nothing.

Kubernetes: pkg/apis/*/v1/defaults.go. Gateway API and LeaderWorkerSet: the defaults of their CRDs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_ROLLING = {"maxSurge": "25%", "maxUnavailable": "25%"}

_POD: Mapping[str, Any] = {
    "dnsPolicy": "ClusterFirst",
    "enableServiceLinks": True,
    "hostIPC": False,
    "hostNetwork": False,
    "hostPID": False,
    "preemptionPolicy": "PreemptLowerPriority",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "shareProcessNamespace": False,
    "terminationGracePeriodSeconds": 30,
}
_CONTAINER: Mapping[str, Any] = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "stdin": False,
    "tty": False,
}
_PROBE: Mapping[str, Any] = {
    "failureThreshold": 3,
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
}
_PORT = {"protocol": "TCP"}
_BACKEND = {"weight": 1, "kind": "Service", "group": ""}
_VOLUME = {"defaultMode": 420, "optional": False}

_BY_PARENT: Mapping[str, Mapping[str, Any]] = {
    "backendRefs": _BACKEND,
    "configMap": _VOLUME,
    "containers": _CONTAINER,
    "exactly": {"allocationMode": "ExactCount", "count": 1},
    "fieldRef": {"apiVersion": "v1"},
    "httpGet": {"scheme": "HTTP"},
    "initContainers": _CONTAINER,
    "leaderWorkerTemplate": {"size": 1, "restartPolicy": "RecreateGroupOnPodRestart"},
    "livenessProbe": _PROBE,
    "networkConfig": {"subdomainPolicy": "Shared"},
    "parentRefs": {"group": "gateway.networking.k8s.io", "kind": "Gateway"},
    "path": {"type": "PathPrefix"},
    "ports": _PORT,
    "projected": _VOLUME,
    "readinessProbe": _PROBE,
    "rollingUpdate": _ROLLING,
    "rollingUpdateConfiguration": {"maxSurge": 0, "maxUnavailable": 1, "partition": 0},
    "secret": _VOLUME,
    "startupProbe": _PROBE,
    "endpointPickerRef": {"failureMode": "FailClose", "group": "", "kind": "Service"},
}
_SPEC: Mapping[str, Mapping[str, Any]] = {
    "Deployment": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                   "minReadySeconds": 0, "paused": False},
    "HorizontalPodAutoscaler": {"minReplicas": 1},
    "LeaderWorkerSet": {"replicas": 1, "startupPolicy": "LeaderCreated"},
    "Service": {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"},
    "StatefulSet": {"replicas": 1, "revisionHistoryLimit": 10, "minReadySeconds": 0,
                    "podManagementPolicy": "OrderedReady"},
    "DaemonSet": {"revisionHistoryLimit": 10, "minReadySeconds": 0},
}  # fmt: skip

_EMPTY = ("securityContext", "resources", "annotations", "labels", "creationTimestamp")
"""Fields of which an empty value says what an absent one does."""


def is_default(kind: str, path: Sequence[str], value: Any) -> bool:
    """Whether a value is what the API server sets where it is absent.

    Args:
        kind: The object's kind.
        path: The names of the fields that lead to it, without places in lists.
        value: The value.
    """
    if value is None or (value in ({}, []) and path[-1] in _EMPTY):
        return True
    if len(path) < 2:
        return False
    *_, parent, name = path
    if len(path) == 2 and parent == "spec":
        known = _SPEC.get(kind, {})
    elif parent == "spec" and kind != "Service" and _is_pod_spec(path):
        known = _POD
    elif parent == "strategy" and name == "type":
        known = {"type": "RollingUpdate"}
    else:
        known = _BY_PARENT.get(parent, {})
    # True is 1 for Python alone.
    return name in known and known[name] == value and type(known[name]) is type(value)


def _is_pod_spec(path: Sequence[str]) -> bool:
    return len(path) > 2 and path[-3] in ("template", "leaderTemplate", "workerTemplate")
