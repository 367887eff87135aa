"""Every rule over a topology, a file for each family; importing this registers them."""

from cdk8s_inference.checks.rules import (
    devices,
    gateway,
    picker,
    pool,
    rollout,
    security,
    sidecar,
    stack,
    wire,
    workload,
)

__all__ = [
    "devices",
    "gateway",
    "picker",
    "pool",
    "rollout",
    "security",
    "sidecar",
    "stack",
    "wire",
    "workload",
]
