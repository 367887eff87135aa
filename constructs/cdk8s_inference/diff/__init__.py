"""What a change of manifests does to what they serve: which pods restart, and what that means."""

from cdk8s_inference.diff.comparison import Comparison, compared
from cdk8s_inference.diff.field_change import MISSING, FieldChange, field_changes
from cdk8s_inference.diff.model_change import ModelChange
from cdk8s_inference.diff.object_pair import ObjectPair, object_pairs
from cdk8s_inference.diff.rollout import Rollout
from cdk8s_inference.diff.workload_change import WorkloadChange

__all__ = [
    "MISSING",
    "Comparison",
    "FieldChange",
    "ModelChange",
    "ObjectPair",
    "Rollout",
    "WorkloadChange",
    "compared",
    "field_changes",
    "object_pairs",
]
