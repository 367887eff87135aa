"""The components of a serving stack: where each comes from, and the values it needs to serve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from cdk8s_inference.gateways.provider import ProxyMetrics
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
    "istio-base": "istio",
    "istiod": "istio",
    "agentgateway-crds": "agentgateway",
    "agentgateway": "agentgateway",
    "nginx-gateway-fabric": "nginx_gateway_fabric",
    "kube-prometheus-stack": "prometheus",
    "node-feature-discovery": "node_feature_discovery",
    "dra-driver-nvidia-gpu": "nvidia_dra_driver",
    "nvidia-device-plugin": "nvidia_device_plugin",
}
"""The field of :class:`StackVersions` that has a component's release."""

PRIVILEGED: frozenset[ComponentName] = frozenset(
    {
        # node-exporter uses the node's network, processes and file system.
        "kube-prometheus-stack",
        "node-feature-discovery",
        "dra-driver-nvidia-gpu",
        "nvidia-device-plugin",
    }
)
"""Components whose pods mount folders of the node, which only the privileged level admits."""

NEEDS: Mapping[ComponentName, tuple[ComponentName, ...]] = {
    "ai-gateway": ("ai-gateway-crds", "envoy-gateway", "gateway-api", "inference-extension"),
    "envoy-gateway": ("gateway-api",),
    "istiod": ("istio-base", "gateway-api", "inference-extension"),
    "agentgateway": ("agentgateway-crds", "gateway-api", "inference-extension"),
    "nginx-gateway-fabric": ("gateway-api", "inference-extension"),
    # The driver's pods run on the nodes that it labels; without a label, claims wait for ever.
    "dra-driver-nvidia-gpu": ("node-feature-discovery",),
    "nvidia-device-plugin": ("node-feature-discovery",),
}
"""What a component does not work without."""

GATEWAY_CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"

_EXTENSION_PORT = 1063
_GPU_TAINT = "nvidia.com/gpu"

_PCI_OF_DEVICE_PLUGIN: Mapping[str, Any] = {
    # NVIDIA's device plugin runs on nodes with the label
    # feature.node.kubernetes.io/pci-10de.present. By default the class is in the label's name too,
    # pci-0302_10de.present, and no node would run it.
    "deviceLabelFields": ["vendor"],
    # Display controllers, 3D controllers and processing accelerators; the default lacks the last.
    "deviceClassWhitelist": ["03", "12"],
}

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
    if name not in CHARTS:
        return Component(name, crds=crds)
    repository, chart = CHARTS[name]
    return Component(
        name,
        namespace=props.namespace(name),
        chart=HelmChart(repository, chart, version),
        values=props.merged(name, _own_values(name, props)),
        crds=crds,
        manifests=_manifests(name, props),
        after=_after(name, props),
    )


CHARTS: Mapping[ComponentName, tuple[str, str]] = {
    "cert-manager": ("https://charts.jetstack.io", "cert-manager"),
    "lws": ("oci://registry.k8s.io/lws/charts", "lws"),
    "ai-gateway-crds": ("oci://docker.io/envoyproxy", "ai-gateway-crds-helm"),
    "ai-gateway": ("oci://docker.io/envoyproxy", "ai-gateway-helm"),
    "envoy-gateway": ("oci://docker.io/envoyproxy", "gateway-helm"),
    "istio-base": ("https://istio-release.storage.googleapis.com/charts", "base"),
    "istiod": ("https://istio-release.storage.googleapis.com/charts", "istiod"),
    "agentgateway-crds": ("oci://cr.agentgateway.dev/charts", "agentgateway-crds"),
    "agentgateway": ("oci://cr.agentgateway.dev/charts", "agentgateway"),
    "nginx-gateway-fabric": ("oci://ghcr.io/nginx/charts", "nginx-gateway-fabric"),
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
    # The others start with what they need.
    return NEEDS.get(name, ())


def _own_values(name: ComponentName, props: StackProps) -> dict[str, Any]:
    if name == "cert-manager":
        return _cert_manager(props.issuer)
    if name == "ai-gateway":
        return _ai_gateway(props)
    if name == "envoy-gateway":
        return _envoy_gateway(props)
    if name in ("istio-base", "istiod"):
        return _istio(name, props)
    if name == "agentgateway":
        chosen = {} if props.gateway_class is None else {"gatewayClassName": props.gateway_class}
        return {"inferenceExtension": {"enabled": True}, **chosen}
    if name == "nginx-gateway-fabric":
        return _nginx(props.gateway_class)
    if name == "kube-prometheus-stack" and props.monitoring is not None:
        return _prometheus(props.monitoring, props)
    if name == "node-feature-discovery":
        # Else a tainted GPU node gets no labels, its driver no pod, and its claims no device.
        worker: dict[str, Any] = {"tolerations": [{"key": _GPU_TAINT, "operator": "Exists"}]}
        if isinstance(props.devices, DevicePlugin):
            worker["config"] = {"sources": {"pci": _PCI_OF_DEVICE_PLUGIN}}
        return {"worker": worker}
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


def _istio(name: ComponentName, props: StackProps) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if props.namespace("istiod") != NAMESPACES["istiod"]:
        place = {"global": {"istioNamespace": props.namespace("istiod")}}
    if name == "istio-base":
        return place
    # Without it istiod takes a route to an InferencePool for one to an unknown kind.
    return {**place, "env": {"ENABLE_GATEWAY_API_INFERENCE_EXTENSION": "true"}}


def _nginx(gateway_class: str | None) -> dict[str, Any]:
    chosen = {} if gateway_class is None else {"gatewayClassName": gateway_class}
    return {
        "nginxGateway": {"gwAPIInferenceExtension": {"enable": True}, **chosen},
        # With Local, the default, some clouds' load balancers find no healthy node.
        "nginx": {"service": {"externalTrafficPolicy": "Cluster"}},
    }


def _prometheus(monitoring: Monitoring, props: StackProps) -> dict[str, Any]:
    metrics = props.provider.metrics
    jobs = [] if metrics is None else [_proxies_job(metrics, props)]
    return {
        "alertmanager": {"enabled": monitoring.alertmanager},
        "grafana": {"enabled": monitoring.grafana},
        "prometheus": {
            "prometheusSpec": {
                # Else Prometheus takes only the monitors that carry this chart's own labels.
                "podMonitorSelectorNilUsesHelmValues": False,
                "serviceMonitorSelectorNilUsesHelmValues": False,
                **({"additionalScrapeConfigs": jobs} if jobs else {}),
            }
        },
    }


def _proxies_job(metrics: ProxyMetrics, props: StackProps) -> dict[str, Any]:
    namespace = props.gateway.namespace
    if metrics.component is not None:
        namespace = props.namespace(cast(ComponentName, metrics.component))
    keep = [
        {
            "action": "keep",
            "source_labels": [f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"],
            "regex": value.format(gateway=props.gateway.name),
        }
        for key, value in metrics.labels.items()
    ]
    return {
        "job_name": "gateway-proxies",
        "metrics_path": metrics.path,
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
        "relabel_configs": [
            *keep,
            {
                "action": "keep",
                "source_labels": ["__meta_kubernetes_pod_container_port_number"],
                "regex": str(metrics.port),
            },
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
        ],
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
