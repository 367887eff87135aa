"""Kinds that hold pod templates and from which a controller makes pods, as data."""

from cdk8s_inference.topology.kinds.known import KINDS, kind_of
from cdk8s_inference.topology.kinds.pod_kind import EVERYTHING, Addition, PodKind, Templates

__all__ = ["EVERYTHING", "KINDS", "Addition", "PodKind", "Templates", "kind_of"]
