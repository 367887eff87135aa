"""What a platform, an engine or a member wants of engine pods, and how that is laid over a pod."""

from cdk8s_inference.pods.gang import GangPlacement
from cdk8s_inference.pods.overlay import overlaid
from cdk8s_inference.pods.rollout import Rollout
from cdk8s_inference.pods.settings import (
    ENGINE_CONTAINER,
    SHARED_MEMORY,
    PodSettings,
    shared_memory,
)

__all__ = [
    "ENGINE_CONTAINER",
    "SHARED_MEMORY",
    "GangPlacement",
    "PodSettings",
    "Rollout",
    "overlaid",
    "shared_memory",
]
