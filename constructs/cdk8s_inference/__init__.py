"""Typed cdk8s constructs that compose large-language-model serving on Kubernetes.

jsii finds a Node.js that it supports, also where none is installed, and serves one thread at a
time: see :mod:`cdk8s_inference._node`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cdk8s_inference._node import prepare_jsii

prepare_jsii()

if TYPE_CHECKING:
    __version__: str
    from cdk8s import ApiObject, App, Chart, JsonPatch, Testing

    from cdk8s_inference.deployment import ModelDeployment, ModelReplica
    from cdk8s_inference.document.engine import Engine, Member
    from cdk8s_inference.document.model_deployment import DeviceRequest, EnvVar
    from cdk8s_inference.engines.engine_group import EngineGroup, PodAddition
    from cdk8s_inference.findings import Finding, InferenceWarning, InvalidInput
    from cdk8s_inference.gateways import GatewayProvider
    from cdk8s_inference.graph import Graph
    from cdk8s_inference.picker_config import (
        AlwaysDisaggregate,
        ApproximatePrefix,
        DisaggregatedConfig,
        PickerConfig,
        Plugin,
        PrecisePrefix,
        PrefixThreshold,
        Profile,
        RawPickerConfig,
        UnifiedConfig,
    )
    from cdk8s_inference.platform import Gateway, Platform, Probes, Shutdown
    from cdk8s_inference.platform.picker_options import PickerOptions
    from cdk8s_inference.platform.sidecar_options import SidecarOptions
    from cdk8s_inference.platform.simulation import CpuVllm, Simulation
    from cdk8s_inference.pods import GangPlacement, PodSettings, Rollout
    from cdk8s_inference.releases import NotInReleaseError, RouterRelease, router_release
    from cdk8s_inference.releases.stack import StackVersions
    from cdk8s_inference.routing.deployment_routing import DeploymentRouting
    from cdk8s_inference.routing.disagg import DisaggRouting
    from cdk8s_inference.routing.endpoint_picker import EndpointPicker
    from cdk8s_inference.routing.unified import UnifiedRouting
    from cdk8s_inference.smoke_test import SmokeTest
    from cdk8s_inference.stack.component import Component, HelmChart
    from cdk8s_inference.stack.delivery import ArgoCD, Crossplane, Flux, FluxRepository, K3s, Plain
    from cdk8s_inference.stack.envoy_proxy import EnvoyProxy
    from cdk8s_inference.stack.listener import Listener
    from cdk8s_inference.stack.options import DevicePlugin, DraDriver, Issuer, Monitoring
    from cdk8s_inference.stack.router_crds import router_crds
    from cdk8s_inference.stack.serving_stack import ServingStack

INSTALL = "pip install 'cdk8s-inference[cdk8s]'"
"""How to install what composes; without it there is what checks."""

_MODULES = {
    "AlwaysDisaggregate": "cdk8s_inference.picker_config",
    "ApiObject": "cdk8s",
    "App": "cdk8s",
    "ApproximatePrefix": "cdk8s_inference.picker_config",
    "ArgoCD": "cdk8s_inference.stack.delivery",
    "Chart": "cdk8s",
    "Component": "cdk8s_inference.stack.component",
    "CpuVllm": "cdk8s_inference.platform.simulation",
    "Crossplane": "cdk8s_inference.stack.delivery",
    "DevicePlugin": "cdk8s_inference.stack.options",
    "DeviceRequest": "cdk8s_inference.document.model_deployment",
    "DeploymentRouting": "cdk8s_inference.routing.deployment_routing",
    "DisaggRouting": "cdk8s_inference.routing.disagg",
    "DisaggregatedConfig": "cdk8s_inference.picker_config",
    "DraDriver": "cdk8s_inference.stack.options",
    "EndpointPicker": "cdk8s_inference.routing.endpoint_picker",
    "Engine": "cdk8s_inference.document.engine",
    "EngineGroup": "cdk8s_inference.engines.engine_group",
    "EnvVar": "cdk8s_inference.document.model_deployment",
    "Finding": "cdk8s_inference.findings",
    "Flux": "cdk8s_inference.stack.delivery",
    "FluxRepository": "cdk8s_inference.stack.delivery",
    "GangPlacement": "cdk8s_inference.pods",
    "Gateway": "cdk8s_inference.platform",
    "GatewayProvider": "cdk8s_inference.gateways",
    "Graph": "cdk8s_inference.graph",
    "HelmChart": "cdk8s_inference.stack.component",
    "InferenceWarning": "cdk8s_inference.findings",
    "InvalidInput": "cdk8s_inference.findings",
    "EnvoyProxy": "cdk8s_inference.stack.envoy_proxy",
    "Issuer": "cdk8s_inference.stack.options",
    "JsonPatch": "cdk8s",
    "K3s": "cdk8s_inference.stack.delivery",
    "Listener": "cdk8s_inference.stack.listener",
    "Member": "cdk8s_inference.document.engine",
    "ModelDeployment": "cdk8s_inference.deployment",
    "ModelReplica": "cdk8s_inference.deployment",
    "Monitoring": "cdk8s_inference.stack.options",
    "NotInReleaseError": "cdk8s_inference.releases",
    "PickerConfig": "cdk8s_inference.picker_config",
    "PickerOptions": "cdk8s_inference.platform.picker_options",
    "Plain": "cdk8s_inference.stack.delivery",
    "Platform": "cdk8s_inference.platform",
    "Plugin": "cdk8s_inference.picker_config",
    "PodAddition": "cdk8s_inference.engines.engine_group",
    "PodSettings": "cdk8s_inference.pods",
    "PrecisePrefix": "cdk8s_inference.picker_config",
    "PrefixThreshold": "cdk8s_inference.picker_config",
    "Probes": "cdk8s_inference.platform",
    "Profile": "cdk8s_inference.picker_config",
    "RawPickerConfig": "cdk8s_inference.picker_config",
    "Rollout": "cdk8s_inference.pods",
    "RouterRelease": "cdk8s_inference.releases",
    "ServingStack": "cdk8s_inference.stack.serving_stack",
    "Shutdown": "cdk8s_inference.platform",
    "SidecarOptions": "cdk8s_inference.platform.sidecar_options",
    "Simulation": "cdk8s_inference.platform.simulation",
    "SmokeTest": "cdk8s_inference.smoke_test",
    "StackVersions": "cdk8s_inference.releases.stack",
    "Testing": "cdk8s",
    "UnifiedConfig": "cdk8s_inference.picker_config",
    "UnifiedRouting": "cdk8s_inference.routing.unified",
    "router_crds": "cdk8s_inference.stack.router_crds",
    "router_release": "cdk8s_inference.releases",
}
"""Loaded on first use: importing cdk8s starts Node.js, which reading a document does not need."""

__all__ = [
    "AlwaysDisaggregate",
    "ApiObject",
    "App",
    "ApproximatePrefix",
    "ArgoCD",
    "Chart",
    "Component",
    "CpuVllm",
    "Crossplane",
    "DeploymentRouting",
    "DevicePlugin",
    "DeviceRequest",
    "DisaggRouting",
    "DisaggregatedConfig",
    "DraDriver",
    "EndpointPicker",
    "Engine",
    "EngineGroup",
    "EnvVar",
    "EnvoyProxy",
    "Finding",
    "Flux",
    "FluxRepository",
    "GangPlacement",
    "Gateway",
    "GatewayProvider",
    "Graph",
    "HelmChart",
    "InferenceWarning",
    "InvalidInput",
    "Issuer",
    "JsonPatch",
    "K3s",
    "Listener",
    "Member",
    "ModelDeployment",
    "ModelReplica",
    "Monitoring",
    "NotInReleaseError",
    "PickerConfig",
    "PickerOptions",
    "Plain",
    "Platform",
    "Plugin",
    "PodAddition",
    "PodSettings",
    "PrecisePrefix",
    "PrefixThreshold",
    "Probes",
    "Profile",
    "RawPickerConfig",
    "Rollout",
    "RouterRelease",
    "ServingStack",
    "Shutdown",
    "SidecarOptions",
    "Simulation",
    "SmokeTest",
    "StackVersions",
    "Testing",
    "UnifiedConfig",
    "UnifiedRouting",
    "router_crds",
    "router_release",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("cdk8s-inference")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(_MODULES[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("cdk8s", "constructs", "jsii"):
            raise
        raise ImportError(f"{name} needs {error.name}: {INSTALL}") from error
    if name == "Testing":
        # By its name pytest would take it for a class of tests, in each file that imports it.
        value.__test__ = False
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
