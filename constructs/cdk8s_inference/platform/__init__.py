"""What a platform team decides about every deployment."""

from cdk8s_inference.platform.picker_options import PickerOptions
from cdk8s_inference.platform.platform import (
    DEFAULT_DEVICE_CLASS,
    Gateway,
    Platform,
    Probes,
    Shutdown,
    UnifiedMode,
)
from cdk8s_inference.platform.sidecar_options import SidecarOptions
from cdk8s_inference.platform.simulation import CpuVllm, Simulation

__all__ = [
    "DEFAULT_DEVICE_CLASS",
    "CpuVllm",
    "Gateway",
    "PickerOptions",
    "Platform",
    "Probes",
    "Shutdown",
    "SidecarOptions",
    "Simulation",
    "UnifiedMode",
]
