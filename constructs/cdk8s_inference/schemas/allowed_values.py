"""Fields of pods that take a few texts alone, of which the API's schema says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import Path
from cdk8s_inference.source import Cursor

_VALUES = {
    "dnsPolicy": ("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "effect": ("", "NoExecute", "NoSchedule", "PreferNoSchedule"),
    "fsGroupChangePolicy": ("Always", "OnRootMismatch"),
    "imagePullPolicy": ("", "Always", "IfNotPresent", "Never"),
    "medium": ("", "HugePages", "HugePages-1Gi", "HugePages-2Mi", "Memory"),
    "nodeAffinityPolicy": ("Honor", "Ignore"),
    "nodeTaintsPolicy": ("Honor", "Ignore"),
    "protocol": ("", "SCTP", "TCP", "UDP"),
    "whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
}
"""Whatever they are in. Kubernetes: validation of core/v1, which defaults precede."""

_SELECTOR_OPERATORS = ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")

# Lt and Gt are behind a feature gate, since v1.35.
_TOLERATION_OPERATORS = ("", "Equal", "Exists", "Gt", "Lt")


def limited_fields(root: Cursor) -> Iterator[tuple[Cursor, tuple[str, ...]]]:
    """The fields of a part of a pod that take a few texts alone, each with these."""
    for at in root.descendants():
        allowed = _allowed(at.path)
        if allowed is not None:
            yield at, allowed


def _allowed(path: Path) -> tuple[str, ...] | None:
    key = path[-1] if path else None
    if key == "operator":
        selects = {"matchExpressions", "matchFields"} & {*path[-3:]}
        return _SELECTOR_OPERATORS if selects else _TOLERATION_OPERATORS
    return _VALUES.get(str(key))
