"""GPU nodes: whether the pods that label nodes and serve devices run on them."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import REMOVED, breaks
from cdk8s_inference.releases.stack import GKE_DRIVER_ROOT
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import SourceValue, Topology
from cdk8s_inference.topology.chart_release import DRA_DRIVER, NODE_FEATURE_DISCOVERY

_GPUS = "HelmRelease/gpus"


@rule(
    "T531",
    "warning",
    "Node Feature Discovery does not tolerate the taint of GPU nodes",
    why="The worker is not scheduled on these nodes and does not label them. The GPU driver's pods "
    "select nodes by this label, so that no devices are published and claims stay pending.",
    evidence="kubernetes-sigs/dra-driver-nvidia-gpu#1084; NVIDIA/k8s-device-plugin#1934. GKE "
    "adds a taint to GPU nodes.",
    fix="add a toleration for the taint to the worker",
    example=breaks("substrate", "HelmRelease/nfd", "spec.values", {}),
)
def taint_not_tolerated(topology: Topology) -> Iterator[Violation]:
    taints = _taints(topology)
    for place, tolerations in _nfd_workers(topology):
        keys = {
            each["key"].text
            for each in tolerations.items()
            if each["effect"].text in (None, "NoSchedule")
        }
        if None in keys:
            continue  # It tolerates everything.
        for taint, because in taints.items():
            if taint not in keys:
                yield Violation(place, f"the worker does not tolerate the taint {taint}", because)


def _nfd_workers(topology: Topology) -> Iterator[tuple[SourceValue[str], Cursor]]:
    for release in topology.charts(NODE_FEATURE_DISCOVERY):
        if release.values is not None:
            at = release.values.at("worker", "tolerations")
            yield release.object.value_at(at, "worker"), at
    for pods, container in topology.running("node-feature-discovery"):
        if any(word.value.endswith("nfd-worker") for word in container.words):
            at = pods.at.at("spec", "tolerations")
            yield pods.object.value_at(at, "worker"), at


def _taints(topology: Topology) -> dict[str, SourceValue[str]]:
    """The taints of GPU nodes: GKE's, and those that serving pods tolerate."""
    found: dict[str, SourceValue[str]] = {}
    on_gke = _on_gke(topology)
    if on_gke is not None:
        found["nvidia.com/gpu"] = on_gke
    for pods in topology.serving:
        for each in pods.at.at("spec", "tolerations").items():
            key = pods.object.text(each["key"])
            if key is not None and each["effect"].text in (None, "NoSchedule"):
                found.setdefault(key.value, key)
    return found


_GKE_LABELS = "cloud.google.com/gke-"

_GKE_POLICIES = ("GCPBackendPolicy", "HealthCheckPolicy")


def _on_gke(topology: Topology) -> SourceValue[str] | None:
    """The value that shows that the cluster is GKE's."""
    for policy in topology.of_kind(*_GKE_POLICIES):
        if policy.group == "networking.gke.io":
            return policy.here
    selectors = [(pods.object, pods.at.at("spec", "nodeSelector")) for pods in topology.pods]
    for release in topology.chart_releases:
        if release.values is not None:
            root = release.object.text(release.values["nvidiaDriverRoot"])
            if root is not None and root.value.rstrip("/") == GKE_DRIVER_ROOT:
                return root
            below = release.values.descendants()
            selectors += [(release.object, at) for at in below if at.path[-1:] == ("nodeSelector",)]
    for owner, at in selectors:
        for key, value in at.fields():
            if key.startswith(_GKE_LABELS):
                return owner.value_at(value, key)
    for gateway in topology.of_kind("Gateway"):
        if (gateway.at("spec", "gatewayClassName").text or "").startswith("gke-l7-"):
            return gateway.here
    return None


@rule(
    "T532",
    "warning",
    "GKE rejects the GPU driver's pods",
    why="The pods have a system-critical priority class. Outside kube-system, GKE admits such pods "
    "only if a ResourceQuota allows them. Without the driver, claims stay pending.",
    evidence="modelplaneai/modelplane#229; GKE limits the consumption of the system priority "
    "classes.",
    fix="add a ResourceQuota that is scoped to the priority class to the driver's namespace",
    example=breaks("substrate", "ResourceQuota/critical-pods", "metadata.namespace", "nfd"),
)
def no_quota(topology: Topology) -> Iterator[Violation]:
    because = _on_gke(topology)
    if because is None:
        return
    admitted = {
        quota.namespace
        for quota in topology.of_kind("ResourceQuota")
        for scope in quota.at("spec", "scopeSelector", "matchExpressions").items()
        if scope["scopeName"].text == "PriorityClass"
    }
    for owner, namespace, priority in _dra_drivers(topology):
        critical = priority is None or priority.startswith("system-")
        if critical and namespace not in {*admitted, "kube-system"}:
            yield Violation(
                owner,
                f"no ResourceQuota in namespace {namespace!r} allows system-critical pods",
                because,
            )


def _dra_drivers(topology: Topology) -> Iterator[tuple[SourceValue[str], str, str | None]]:
    """NVIDIA's DRA drivers, with namespace and priority class; None is the chart's default."""
    for release in topology.charts(DRA_DRIVER):
        if release.values is not None:
            priority = release.values.at("kubeletPlugin", "priorityClassName").text
            yield release.object.here, release.namespace, priority
    for pods, _ in topology.running("dra-driver-nvidia-gpu"):
        if pods.workload.kind == "DaemonSet":
            priority = pods.at.at("spec", "priorityClassName").text or ""
            yield pods.here, pods.object.namespace, priority


@rule(
    "T533",
    "warning",
    "The NVIDIA driver root is not GKE's",
    why="The DRA driver finds no NVIDIA driver on the node and publishes no GPUs: claims stay "
    "pending.",
    evidence=f"GKE installs the NVIDIA driver in {GKE_DRIVER_ROOT}; modelplane commit 44b53c07.",
    fix=f"set nvidiaDriverRoot: {GKE_DRIVER_ROOT}",
    example=breaks("substrate", _GPUS, "spec.values.nvidiaDriverRoot", REMOVED),
)
def wrong_driver_root(topology: Topology) -> Iterator[Violation]:
    because = _on_gke(topology)
    for release in topology.charts(DRA_DRIVER):
        if because is None or release.values is None:
            continue
        root = release.values["nvidiaDriverRoot"]
        if root.text in (None, "/"):
            yield Violation(
                release.object.value_at(root, root.text),
                f"nvidiaDriverRoot is {root.text or 'not set, which is /'}",
                because,
            )
