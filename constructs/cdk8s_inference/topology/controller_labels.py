"""Labels that the controller of a workload gives to its pods, beyond those of their template.

They tell the pods of one template apart, so that a selector may ask for some of them: the first
of a StatefulSet, or the leader of each group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LWS = "leaderworkerset.sigs.k8s.io/"
WORKER_INDEX = f"{_LWS}worker-index"
_POD_NAME = "statefulset.kubernetes.io/pod-name"
_POD_INDEX = "apps.kubernetes.io/pod-index"
_TEMPLATE_HASH = "pod-template-hash"
_REVISION_HASH = "controller-revision-hash"
_GROUP = ("name", "group-index", "subgroup-index")
_HASHES = ("group-key", "subgroup-key", "template-revision-hash")
_SET = "disaggregatedset.x-k8s.io/"
CONTROLLER_LABELS = frozenset(
    (
        *(WORKER_INDEX, *(f"{_LWS}{key}" for key in (*_GROUP, *_HASHES))),
        *(f"{_SET}{key}" for key in ("name", "role", "revision")),
        *(_POD_NAME, _POD_INDEX, _TEMPLATE_HASH, _REVISION_HASH),
    )
)
"""Their keys."""

_NUMBER = r"\d+"
_WORKER_INDICES = {"leader": "0", "pod": "0", "follower": r"[1-9]\d*", "gang": _NUMBER}


def controller_labels(kind: str, name: str, part: str, role: str = "") -> Mapping[str, str]:
    """The labels that the pods of a workload get, each with a pattern of its values.

    How many pods there are changes, so an index may be any number. Read in Kubernetes' reference
    of labels, and in the source of LeaderWorkerSet v0.9.0.

    Args:
        kind: The workload's kind; none are known of those of other projects.
        name: Its name.
        part: Which of its pods they are.
        role: Which role of a DisaggregatedSet.
    """
    own = re.escape(name)
    if kind in ("Deployment", "ReplicaSet"):
        return {_TEMPLATE_HASH: ".+"}
    if kind == "DaemonSet":
        return {_REVISION_HASH: ".+"}
    if kind == "StatefulSet":
        return {_POD_NAME: f"{own}-{_NUMBER}", _POD_INDEX: _NUMBER, _REVISION_HASH: ".+"}
    if kind not in ("LeaderWorkerSet", "DisaggregatedSet"):
        return {}
    group, of_set = own, {}
    if kind == "DisaggregatedSet":
        # It makes LeaderWorkerSets of other names.
        group, of_set = ".+", {"name": own, "role": re.escape(role), "revision": ".+"}
    return {
        **{f"{_SET}{key}": value for key, value in of_set.items()},
        f"{_LWS}name": group,
        f"{_LWS}group-index": _NUMBER,
        f"{_LWS}subgroup-index": _NUMBER,
        **{f"{_LWS}{key}": ".+" for key in _HASHES},
        WORKER_INDEX: _WORKER_INDICES[part],
        # Leaders are pods of one StatefulSet, the workers of each group of another.
        _POD_NAME: f"{group}(-{_NUMBER}){{1,2}}",
        _POD_INDEX: _NUMBER,
        _REVISION_HASH: ".+",
    }
