"""The components of a serving stack: where each comes from, and the values it needs to serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk8s_inference.releases.crds import Project, crds_of
from cdk8s_inference.releases.stack import nearest
from cdk8s_inference.stack.component import Component, HelmChart, Manifest
from cdk8s_inference.stack.options import (
    DEFAULT_DRIVER_ROOT,
    DevicePlugin,
    DraDriver,
    Issuer,
    Monitoring,
)
from cdk8s_inference.stack.props import COMPONENT_NAMES, NAMESPACES, ComponentName, StackProps

PARTS: Mapping[ComponentName, str] = {
    "gateway-api": "gateway_api",
    "inference-extension": "inference_extension",
    "cert-manager": "cert_manager",
    "lws": "leader_worker_set",
    "ai-gateway-crds": "ai_gateway",
    "ai-gateway": "ai_gateway",
    "envoy-gateway": "envoy_gateway",
    "kube-prometheus-stack": "prometheus",
    "node-feature-discovery": "node_feature_discovery",
    "dra-driver-nvidia-gpu": "nvidia_dra_driver",
    "nvidia-device-plugin": "nvidia_device_plugin",
}
"""The field of :class:`StackVersions` that has a component's release."""

NEEDS: Mapping[ComponentName, tuple[ComponentName, ...]] = {
    "ai-gateway": ("ai-gateway-crds", "envoy-gateway", "gateway-api", "inference-extension"),
    "envoy-gateway": ("gateway-api",),
    # The driver's pods run on the nodes that it labels; without a label, claims wait for ever.
    "dra-driver-nvidia-gpu": ("node-feature-discovery",),
    "nvidia-device-plugin": ("node-feature-discovery",),
}
"""What a component does not work without."""

GATEWAY_CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"

_EXTENSION_PORT = 1063
_STATS_PORT = 19001
_GPU_TAINT = "nvidia.com/gpu"

_PROJECTS: Mapping[ComponentName, Project] = {
    "gateway-api": "gateway-api",
    "inference-extension": "gateway-api-inference-extension",
    "envoy-gateway": "envoy-gateway",
    "lws": "lws",
}


def catalog(props: StackProps) -> list[Component]:
    """The components to install, in the order of :data:`COMPONENT_NAMES`."""
    installed = props.installed
    return [_component(name, props) for name in COMPONENT_NAMES if name in installed]


def _component(name: ComponentName, props: StackProps) -> Component:
    version: str = getattr(props.versions, PARTS[name])
    crds = _crds(name, version)
    if name not in _CHARTS:
        return Component(name, crds=crds)
    repository, chart = _CHARTS[name]
    return Component(
        name,
        namespace=props.namespace(name),
        chart=HelmChart(repository, chart, version),
        values=props.merged(name, _own_values(name, props)),
        crds=crds,
        manifests=_manifests(name, props),
        after=_after(name, props),
    )


_CHARTS: Mapping[ComponentName, tuple[str, str]] = {
    "cert-manager": ("https://charts.jetstack.io", "cert-manager"),
    "lws": ("oci://registry.k8s.io/lws/charts", "lws"),
    "ai-gateway-crds": ("oci://docker.io/envoyproxy", "ai-gateway-crds-helm"),
    "ai-gateway": ("oci://docker.io/envoyproxy", "ai-gateway-helm"),
    "envoy-gateway": ("oci://docker.io/envoyproxy", "gateway-helm"),
    "kube-prometheus-stack": (
        "https://prometheus-community.github.io/helm-charts",
        "kube-prometheus-stack",
    ),
    "node-feature-discovery": ("oci://registry.k8s.io/nfd/charts", "node-feature-discovery"),
    "dra-driver-nvidia-gpu": (
        "oci://registry.k8s.io/dra-driver-nvidia/charts",
        "dra-driver-nvidia-gpu",
    ),
    "nvidia-device-plugin": ("https://nvidia.github.io/k8s-device-plugin", "nvidia-device-plugin"),
}


def _crds(name: ComponentName, version: str) -> list[dict[str, Any]]:
    """The release's CRDs; for a release that is not known, those of the nearest that is."""
    if name not in _PROJECTS:
        return []
    project = _PROJECTS[name]
    return crds_of(project, version) or crds_of(project, nearest(PARTS[name], version))


def _after(name: ComponentName, props: StackProps) -> tuple[str, ...]:
    if name == "cert-manager":
        # It looks for Gateway API once, at start.
        return ("gateway-api",)
    if name == "ai-gateway":
        webhook = ("cert-manager",) if props.has("cert-manager") else ()
        return ("ai-gateway-crds", "inference-extension", "gateway-api", *webhook)
    if name == "envoy-gateway":
        # It watches InferencePools from its start on, and asks the AI Gateway about each change:
        # with none to answer, Envoy gets no listener, although the routes are accepted (seen run).
        return ("gateway-api", "inference-extension", "ai-gateway")
    if name in ("dra-driver-nvidia-gpu", "nvidia-device-plugin"):
        return ("node-feature-discovery",)
    return ()


def _own_values(name: ComponentName, props: StackProps) -> dict[str, Any]:
    if name == "cert-manager":
        return _cert_manager(props.issuer)
    if name == "ai-gateway":
        return _ai_gateway(props)
    if name == "envoy-gateway":
        return _envoy_gateway(props)
    if name == "kube-prometheus-stack" and props.monitoring is not None:
        return _prometheus(props.monitoring, props.namespace("envoy-gateway"))
    if name == "node-feature-discovery":
        # Else a tainted GPU node gets no labels, its driver no pod, and its claims no device.
        return {"worker": {"tolerations": [{"key": _GPU_TAINT, "operator": "Exists"}]}}
    if name == "dra-driver-nvidia-gpu" and isinstance(props.devices, DraDriver):
        own = {
            # The chart refuses to serve GPUs without it, since a device plugin on the same node
            # would hand out the same ones.
            "gpuResourcesEnabledOverride": True,
            # Compute domains are for multi-node NVLink, and need its IMEX daemon.
            "resources": {"computeDomains": {"enabled": False}},
            # The version that engines claim by; the chart would ask the cluster, and where it is
            # rendered at synth there is none.
            "resourceApiVersion": "resource.k8s.io/v1",
        }
        return {**own, **_driver_root(props.devices.driver_root)}
    if name == "nvidia-device-plugin" and isinstance(props.devices, DevicePlugin):
        return _driver_root(props.devices.driver_root)
    return {}


def _driver_root(path: str) -> dict[str, Any]:
    return {} if path == DEFAULT_DRIVER_ROOT else {"nvidiaDriverRoot": path}


def _cert_manager(issuer: Issuer | None) -> dict[str, Any]:
    # Kept when the release goes: with the CRDs every certificate would go too.
    own: dict[str, Any] = {"crds": {"enabled": True, "keep": True}}
    return {**own, "config": {"enableGatewayAPI": True}} if issuer else own


def _ai_gateway(props: StackProps) -> dict[str, Any]:
    own: dict[str, Any] = {}
    if props.namespace("envoy-gateway") != NAMESPACES["envoy-gateway"]:
        own["envoyGateway"] = {"namespace": props.namespace("envoy-gateway")}
    if props.has("cert-manager"):
        # The chart's own certificate is another one on every rendering that has no cluster to
        # look at, as Argo CD's and `helm template`.
        own["controller"] = {"mutatingWebhook": {"certManager": {"enable": True}}}
    return own


def _envoy_gateway(props: StackProps) -> dict[str, Any]:
    config: dict[str, Any] = {"extensionApis": {"enableBackend": True}}
    if props.has("ai-gateway"):
        everything = {
            kind: {"includeAll": True} for kind in ("listener", "route", "cluster", "secret")
        }
        config["extensionManager"] = {
            "backendResources": [
                {"group": "inference.networking.k8s.io", "kind": "InferencePool", "version": "v1"}
            ],
            "hooks": {
                "xdsTranslator": {
                    "translation": everything,
                    "post": ["Translation", "Cluster", "Route"],
                }
            },
            "service": {"fqdn": _extension_server(props)},
        }
    # From 1.8.3 on this leaves out the chart's CRDs, which include Gateway API's experimental
    # channel; an older chart passes it over.
    return {"crds": {"enabled": False}, "config": {"envoyGateway": config}}


def _extension_server(props: StackProps) -> dict[str, Any]:
    """Where the AI Gateway answers: it follows its namespace, its name and its port."""
    controller = props.merged("ai-gateway", {}).get("controller", {})
    envoy_gateway = props.merged("envoy-gateway", {})
    domain = envoy_gateway.get("kubernetesClusterDomain", "cluster.local")
    ports = controller.get("service", {}).get("ports", ())
    port = next((entry["port"] for entry in ports if entry.get("name") == "grpc"), _EXTENSION_PORT)
    service = _ai_gateway_service(controller)
    return {"hostname": f"{service}.{props.namespace('ai-gateway')}.svc.{domain}", "port": port}


def _ai_gateway_service(controller: Mapping[str, Any]) -> str:
    """The chart's rule for its Service's name."""
    override: str = controller.get("fullnameOverride", "ai-gateway-controller")
    release = "ai-gateway"
    chart: str = controller.get("nameOverride") or "ai-gateway-helm"
    name = override or (release if chart in release else f"{release}-{chart}")
    return name[:63].removesuffix("-")


def _prometheus(monitoring: Monitoring, proxies: str) -> dict[str, Any]:
    label = "__meta_kubernetes_pod_label_app_kubernetes_io_"
    keep = [
        {"action": "keep", "source_labels": [f"{label}managed_by"], "regex": "envoy-gateway"},
        {"action": "keep", "source_labels": [f"{label}component"], "regex": "proxy"},
        {
            "action": "keep",
            "source_labels": ["__meta_kubernetes_pod_container_port_number"],
            "regex": str(_STATS_PORT),
        },
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
    ]
    job = {
        "job_name": "envoy-gateway-proxies",
        "metrics_path": "/stats/prometheus",
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [proxies]}}],
        "relabel_configs": keep,
    }
    return {
        "alertmanager": {"enabled": monitoring.alertmanager},
        "grafana": {"enabled": monitoring.grafana},
        "prometheus": {
            "prometheusSpec": {
                # Else Prometheus takes only the monitors that carry this chart's own labels.
                "podMonitorSelectorNilUsesHelmValues": False,
                "serviceMonitorSelectorNilUsesHelmValues": False,
                "additionalScrapeConfigs": [job],
            }
        },
    }


def _manifests(name: ComponentName, props: StackProps) -> list[Manifest]:
    devices = props.devices
    if name != "dra-driver-nvidia-gpu" or not isinstance(devices, DraDriver):
        return []
    return [_critical_pods_quota(props.namespace(name))] if devices.needs_quota else []


def _critical_pods_quota(namespace: str) -> Manifest:
    """It permits, and so limits nothing: GKE admits critical pods only where there is a quota."""
    classes = ["system-node-critical", "system-cluster-critical"]
    match = {"scopeName": "PriorityClass", "operator": "In", "values": classes}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "critical-pods", "namespace": namespace},
        "spec": {
            "hard": {"pods": "1G"},
            "scopeSelector": {"matchExpressions": [match]},
        },
    }
