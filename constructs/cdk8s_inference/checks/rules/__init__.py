"""Every rule over a topology, a file for each family; importing this registers them."""

from cdk8s_inference.checks.rules import (
    devices,
    envoy_gateway,
    gateway,
    gpu_nodes,
    installed,
    picker,
    pool,
    rollout,
    security,
    sidecar,
    wire,
    workload,
)

__all__ = [
    "devices",
    "envoy_gateway",
    "gateway",
    "gpu_nodes",
    "installed",
    "picker",
    "pool",
    "rollout",
    "security",
    "sidecar",
    "wire",
    "workload",
]
