"""Kubernetes objects of any origin, read as one model of what they serve."""

from cdk8s_inference.topology.access import Access, AccessBinding, AccessRole
from cdk8s_inference.topology.autoscaler import Autoscaler
from cdk8s_inference.topology.budget import Budget
from cdk8s_inference.topology.chart_release import ChartRelease
from cdk8s_inference.topology.claim import Claim, ClaimUse, DeviceRequest, Devices, PodClaim
from cdk8s_inference.topology.container import Container, Probe
from cdk8s_inference.topology.controlled_kind import ControlledKind
from cdk8s_inference.topology.engine import Engine, EngineTransfer
from cdk8s_inference.topology.envoy import Envoy, EnvoyCluster, HttpManager
from cdk8s_inference.topology.gateway import Gateway, Listener, ReferenceGrant
from cdk8s_inference.topology.key_reference import KeyReference, key_references, keys_of
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue, Unread
from cdk8s_inference.topology.picker import Picker
from cdk8s_inference.topology.pool import Pool, Service
from cdk8s_inference.topology.reference import Reference
from cdk8s_inference.topology.route import Route, RouteRule
from cdk8s_inference.topology.selector import Requirement, Selector
from cdk8s_inference.topology.served_model import ServedEngine, ServedModel, ServedRole
from cdk8s_inference.topology.sidecar import Sidecar
from cdk8s_inference.topology.topology import Topology, read_topology
from cdk8s_inference.topology.workload import Pods, Workload

__all__ = [
    "Access",
    "AccessBinding",
    "AccessRole",
    "Autoscaler",
    "Budget",
    "ChartRelease",
    "Claim",
    "ClaimUse",
    "Container",
    "ControlledKind",
    "DeviceRequest",
    "Devices",
    "Engine",
    "EngineTransfer",
    "Envoy",
    "EnvoyCluster",
    "Gateway",
    "HttpManager",
    "KeyReference",
    "KubeObject",
    "Listener",
    "Picker",
    "PodClaim",
    "Pods",
    "Pool",
    "Probe",
    "Reference",
    "ReferenceGrant",
    "Requirement",
    "Route",
    "RouteRule",
    "Selector",
    "ServedEngine",
    "ServedModel",
    "ServedRole",
    "Service",
    "Sidecar",
    "SourceValue",
    "Topology",
    "Unread",
    "Workload",
    "key_references",
    "keys_of",
    "read_topology",
]
