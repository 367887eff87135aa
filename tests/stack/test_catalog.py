"""Where components come from and which values they get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cdk8s_inference import DevicePlugin, DraDriver, Gateway, Issuer, Monitoring
from cdk8s_inference.gateways import AGENTGATEWAY, GATEWAY_PROVIDERS, ISTIO, NGINX_GATEWAY_FABRIC
from cdk8s_inference.stack.catalog import NEEDS, PARTS, catalog
from cdk8s_inference.stack.component import Component
from cdk8s_inference.stack.props import COMPONENT_NAMES, NAMESPACES, StackProps

READ: Mapping[str, frozenset[str]] = {
    "cert-manager": frozenset({"crds.enabled", "crds.keep", "config"}),
    "lws": frozenset(),
    "ai-gateway-crds": frozenset(),
    "ai-gateway": frozenset(
        {"controller.mutatingWebhook.certManager.enable", "envoyGateway.namespace"}
    ),
    # `config.envoyGateway` becomes the EnvoyGateway object; its fields are those of its Go type.
    "envoy-gateway": frozenset(
        {
            "crds.enabled",
            "config.envoyGateway.extensionApis",
            "config.envoyGateway.extensionManager.backendResources",
            "config.envoyGateway.extensionManager.hooks.xdsTranslator.post",
            "config.envoyGateway.extensionManager.hooks.xdsTranslator.translation.cluster.includeAll",
            "config.envoyGateway.extensionManager.hooks.xdsTranslator.translation.listener.includeAll",
            "config.envoyGateway.extensionManager.hooks.xdsTranslator.translation.route.includeAll",
            "config.envoyGateway.extensionManager.hooks.xdsTranslator.translation.secret.includeAll",
            "config.envoyGateway.extensionManager.service.fqdn.hostname",
            "config.envoyGateway.extensionManager.service.fqdn.port",
        }
    ),
    "istio-base": frozenset({"global.istioNamespace"}),
    "istiod": frozenset({"global.istioNamespace", "env.ENABLE_GATEWAY_API_INFERENCE_EXTENSION"}),
    "agentgateway-crds": frozenset(),
    "agentgateway": frozenset({"inferenceExtension.enabled", "gatewayClassName"}),
    "nginx-gateway-fabric": frozenset(
        {
            "nginxGateway.gwAPIInferenceExtension.enable",
            "nginxGateway.gatewayClassName",
            "nginx.service.externalTrafficPolicy",
        }
    ),
    "kube-prometheus-stack": frozenset(
        {
            "alertmanager.enabled",
            "grafana.enabled",
            "prometheus.prometheusSpec.podMonitorSelectorNilUsesHelmValues",
            "prometheus.prometheusSpec.serviceMonitorSelectorNilUsesHelmValues",
            "prometheus.prometheusSpec.additionalScrapeConfigs",
        }
    ),
    "node-feature-discovery": frozenset(
        {
            "worker.tolerations",
            "worker.config.sources.pci.deviceLabelFields",
            "worker.config.sources.pci.deviceClassWhitelist",
        }
    ),
    "dra-driver-nvidia-gpu": frozenset(
        {
            "gpuResourcesEnabledOverride",
            "resourceApiVersion",
            "resources.computeDomains.enabled",
            "nvidiaDriverRoot",
        }
    ),
    "nvidia-device-plugin": frozenset({"nvidiaDriverRoot"}),
}
"""Values that the charts read, looked up in the charts of STACK_NEWEST: gateway-helm v1.8.3,
ai-gateway-helm v1.1.0, lws v0.10.0, cert-manager v1.21.1, kube-prometheus-stack 88.5.3,
node-feature-discovery v0.19.0, dra-driver-nvidia-gpu v0.4.1, nvidia-device-plugin v0.20.0; and in
the sources of Istio 1.30.3, agentgateway v1.4.1 and NGINX Gateway Fabric 2.6.7."""


def component(name: str, **changes: Any) -> Component:
    (found,) = (entry for entry in catalog(StackProps(**changes)) if entry.name == name)
    return found


def paths(values: Any, read: frozenset[str], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and path not in read:
            yield from paths(value, read, f"{path}.")
        else:
            yield path


@pytest.mark.parametrize(
    "props",
    [
        StackProps(),
        StackProps(
            devices=DraDriver("/run/nvidia/driver"),
            issuer=Issuer("letsencrypt"),
            namespaces={"envoy-gateway": "edge"},
        ),
        StackProps(devices=DevicePlugin("/run/nvidia/driver")),
        StackProps(gateway=Gateway(provider=ISTIO), namespaces={"istiod": "mesh"}),
        StackProps(gateway=Gateway(provider=AGENTGATEWAY), gateway_class="models"),
        StackProps(gateway=Gateway(provider=NGINX_GATEWAY_FABRIC), gateway_class="models"),
    ],
    ids=["default", "changed", "device plugin", "istio", "agentgateway", "nginx"],
)
def test_every_value_is_one_that_the_chart_reads(props: StackProps) -> None:
    for entry in catalog(props):
        if entry.chart:
            read = READ[entry.name]
            assert set(paths(entry.values, read)) <= read


def test_the_tables_name_the_same_components() -> None:
    assert set(PARTS) == set(COMPONENT_NAMES)
    assert set(NAMESPACES) == set(READ)
    needed = {name for needs in NEEDS.values() for name in needs}
    assert needed | set(NEEDS) <= set(COMPONENT_NAMES)
    everything = (
        entry
        for provider in GATEWAY_PROVIDERS.values()
        for entry in catalog(StackProps(gateway=Gateway(provider=provider)))
    )
    for entry in everything:
        assert set(entry.after) <= set(COMPONENT_NAMES)
        assert (entry.chart is None) == (entry.namespace is None)
        # A Helm release's name starts those of many objects, whose labels hold 63 characters.
        assert len(entry.name) <= 22


def manager(**changes: Any) -> dict[str, Any]:
    values = component("envoy-gateway", **changes).values
    found: dict[str, Any] = values["config"]["envoyGateway"]["extensionManager"]
    return found


@pytest.mark.parametrize(
    ("changes", "host"),
    [
        ({}, "ai-gateway-controller.envoy-ai-gateway-system.svc.cluster.local:1063"),
        (
            {"namespaces": {"ai-gateway": "ai"}},
            "ai-gateway-controller.ai.svc.cluster.local:1063",
        ),
        (
            {"values": {"ai-gateway": {"controller": {"fullnameOverride": "extension"}}}},
            "extension.envoy-ai-gateway-system.svc.cluster.local:1063",
        ),
        (
            {"values": {"ai-gateway": {"controller": {"fullnameOverride": ""}}}},
            "ai-gateway-ai-gateway-helm.envoy-ai-gateway-system.svc.cluster.local:1063",
        ),
        (
            {
                "values": {
                    "ai-gateway": {"controller": {"fullnameOverride": "", "nameOverride": "ai"}}
                }
            },
            "ai-gateway.envoy-ai-gateway-system.svc.cluster.local:1063",
        ),
        (
            {
                "values": {
                    "ai-gateway": {
                        "controller": {"service": {"ports": [{"name": "grpc", "port": 9000}]}}
                    },
                    "envoy-gateway": {"kubernetesClusterDomain": "example.com"},
                }
            },
            "ai-gateway-controller.envoy-ai-gateway-system.svc.example.com:9000",
        ),
        (
            {"present": ["ai-gateway"], "namespaces": {"ai-gateway": "theirs"}},
            "ai-gateway-controller.theirs.svc.cluster.local:1063",
        ),
    ],
    ids=[
        "usual",
        "namespace",
        "name",
        "no override",
        "name override",
        "port and domain",
        "present",
    ],
)
def test_envoy_gateway_asks_the_ai_gateway_where_it_is(changes: Any, host: str) -> None:
    service = manager(**changes)["service"]["fqdn"]
    assert f"{service['hostname']}:{service['port']}" == host


def test_envoy_gateway_alone_asks_nobody() -> None:
    values = component("envoy-gateway", without=["ai-gateway", "ai-gateway-crds"]).values
    assert values["config"]["envoyGateway"] == {"extensionApis": {"enableBackend": True}}


def test_the_ai_gateway_learns_where_envoy_gateway_is() -> None:
    values = component("ai-gateway", namespaces={"envoy-gateway": "edge"}).values
    assert values["envoyGateway"] == {"namespace": "edge"}


def test_the_ai_gateway_makes_its_own_certificate_only_without_cert_manager() -> None:
    assert component("ai-gateway", present=["cert-manager"]).values["controller"]
    alone = component("ai-gateway", without=["cert-manager"])
    assert alone.values == {}
    assert "cert-manager" not in alone.after


def test_the_users_values_win_key_by_key() -> None:
    over = {"worker": {"priorityClassName": "high"}, "master": {"replicaCount": 2}}
    values = component("node-feature-discovery", values={"node-feature-discovery": over}).values
    assert values["worker"]["priorityClassName"] == "high"
    assert values["worker"]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert values["master"] == {"replicaCount": 2}


@pytest.mark.parametrize(
    ("driver", "has_quota"),
    [
        (DraDriver(), False),
        (DraDriver("/home/kubernetes/bin/nvidia"), True),
        (DraDriver(critical_pods_quota=True), True),
        (DraDriver("/run/nvidia/driver", critical_pods_quota=False), False),
    ],
)
def test_the_quota_for_critical_pods(driver: DraDriver, has_quota: bool) -> None:
    found = component("dra-driver-nvidia-gpu", devices=driver)
    assert len(found.manifests) == has_quota
    for quota in found.manifests:
        assert quota["metadata"]["namespace"] == found.namespace
    root = {} if driver.driver_root == "/" else {"nvidiaDriverRoot": driver.driver_root}
    assert {key: found.values[key] for key in root} == root


def test_devices_are_served_by_one_of_the_two_or_neither() -> None:
    def serving(devices: Any) -> set[str]:
        return {entry.name for entry in catalog(StackProps(devices=devices))} & {
            "dra-driver-nvidia-gpu",
            "nvidia-device-plugin",
        }

    assert serving(DraDriver()) == {"dra-driver-nvidia-gpu"}
    assert serving(DevicePlugin()) == {"nvidia-device-plugin"}
    assert serving(None) == set()


def test_monitoring() -> None:
    values = component("kube-prometheus-stack", monitoring=Monitoring(grafana=True)).values
    assert (values["grafana"], values["alertmanager"]) == ({"enabled": True}, {"enabled": False})
    assert "kube-prometheus-stack" not in {e.name for e in catalog(StackProps(monitoring=None))}
    (job,) = component("kube-prometheus-stack", namespaces={"envoy-gateway": "edge"}).values[
        "prometheus"
    ]["prometheusSpec"]["additionalScrapeConfigs"]
    assert job["kubernetes_sd_configs"][0]["namespaces"] == {"names": ["edge"]}


def test_nodes_get_the_label_that_the_device_plugin_selects() -> None:
    """Its pods run where feature.node.kubernetes.io/pci-10de.present is set, and nowhere else."""
    worker = component("node-feature-discovery", devices=DevicePlugin()).values["worker"]
    assert worker["config"]["sources"]["pci"]["deviceLabelFields"] == ["vendor"]
    other = component("node-feature-discovery", devices=DraDriver())
    assert "config" not in other.values["worker"]
