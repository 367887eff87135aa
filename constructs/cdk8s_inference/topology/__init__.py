"""Kubernetes objects of any origin, read as one model of what they serve."""

from cdk8s_inference.topology.chart_release import ChartRelease
from cdk8s_inference.topology.container import Container, Probe
from cdk8s_inference.topology.engine import Engine, KvTransfer
from cdk8s_inference.topology.located import KubeObject, Located, Unread
from cdk8s_inference.topology.picker import Picker
from cdk8s_inference.topology.pool import Pool, Service
from cdk8s_inference.topology.route import Reference, Route
from cdk8s_inference.topology.sidecar import Sidecar
from cdk8s_inference.topology.topology import Topology, read_topology
from cdk8s_inference.topology.workload import Pods, Workload

__all__ = [
    "ChartRelease",
    "Container",
    "Engine",
    "KubeObject",
    "KvTransfer",
    "Located",
    "Picker",
    "Pods",
    "Pool",
    "Probe",
    "Reference",
    "Route",
    "Service",
    "Sidecar",
    "Topology",
    "Unread",
    "Workload",
    "read_topology",
]
