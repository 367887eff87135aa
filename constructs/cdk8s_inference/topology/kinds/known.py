"""Every kind that is known, by its group and name."""

from __future__ import annotations

from cdk8s_inference.topology.kinds.inference import INFERENCE_KINDS
from cdk8s_inference.topology.kinds.kubernetes import KUBERNETES_KINDS
from cdk8s_inference.topology.kinds.pod_kind import PodKind
from cdk8s_inference.topology.kinds.ray import RAY_KINDS

KINDS: tuple[PodKind, ...] = (*KUBERNETES_KINDS, *INFERENCE_KINDS, *RAY_KINDS)

_BY_NAME = {(kind.group, kind.name): kind for kind in KINDS}


def kind_of(group: str, name: str) -> PodKind | None:
    """The kind of a group and name; None for one that is not known."""
    return _BY_NAME.get((group, name))
