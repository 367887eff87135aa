"""StackProps: everything that a serving stack is made from, as one value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from cdk8s_inference.gateways import GATEWAY_PROVIDERS, GatewayProvider
from cdk8s_inference.platform import Gateway
from cdk8s_inference.releases.stack import STACK_NEWEST, StackVersions, number
from cdk8s_inference.stack.component import Component, merge
from cdk8s_inference.stack.envoy_proxy import EnvoyProxy
from cdk8s_inference.stack.listener import Listener
from cdk8s_inference.stack.options import DevicePlugin, DraDriver, Issuer, Monitoring

ComponentName = Literal[
    "gateway-api",
    "inference-extension",
    "cert-manager",
    "lws",
    "ai-gateway-crds",
    "ai-gateway",
    "envoy-gateway",
    "istio-base",
    "istiod",
    "agentgateway-crds",
    "agentgateway",
    "nginx-gateway-fabric",
    "kube-prometheus-stack",
    "node-feature-discovery",
    "dra-driver-nvidia-gpu",
    "nvidia-device-plugin",
]
COMPONENT_NAMES: tuple[ComponentName, ...] = get_args(ComponentName)

NAMESPACES: Mapping[ComponentName, str] = {
    "cert-manager": "cert-manager",
    "lws": "lws-system",
    "ai-gateway-crds": "envoy-ai-gateway-system",
    "ai-gateway": "envoy-ai-gateway-system",
    "envoy-gateway": "envoy-gateway-system",
    "istio-base": "istio-system",
    "istiod": "istio-system",
    "agentgateway-crds": "agentgateway-system",
    "agentgateway": "agentgateway-system",
    "nginx-gateway-fabric": "nginx-gateway",
    "kube-prometheus-stack": "monitoring",
    "node-feature-discovery": "node-feature-discovery",
    "dra-driver-nvidia-gpu": "dra-driver-nvidia-gpu",
    "nvidia-device-plugin": "nvidia-device-plugin",
}
"""Where the components with charts go, as their projects' own instructions have it."""


@dataclass(frozen=True)
class StackProps:
    """What :class:`ServingStack` takes, but for the tool that delivers it; see there."""

    versions: StackVersions = STACK_NEWEST
    gateway: Gateway = Gateway()
    gateway_class: str | None = None
    listeners: Sequence[Listener] | None = None
    addresses: Sequence[str] = ()
    issuer: Issuer | None = None
    proxy: EnvoyProxy = field(default_factory=EnvoyProxy)
    devices: DraDriver | DevicePlugin | None = DraDriver()
    monitoring: Monitoring | None = Monitoring()
    present: Collection[ComponentName] = ()
    without: Collection[ComponentName] = ()
    namespaces: Mapping[ComponentName, str] = field(default_factory=dict)
    values: Mapping[ComponentName, Mapping[str, Any]] = field(default_factory=dict)
    extra: Sequence[Component] = ()
    model_namespaces: Collection[str] = ()
    kubernetes: str | None = None
    allow_untested: bool = False

    @property
    def installed(self) -> tuple[ComponentName, ...]:
        """Names of the components of the catalog that the stack installs."""
        out = {*self.present, *self.without, *self.provided}
        of_gateways = {name for each in GATEWAY_PROVIDERS.values() for name in each.components}
        out |= of_gateways - {*self.provider.components}
        if not self.provider.gateway_api:
            out |= {"gateway-api", "inference-extension"}
        if self.monitoring is None:
            out.add("kube-prometheus-stack")
        if not isinstance(self.devices, DraDriver):
            out.add("dra-driver-nvidia-gpu")
        if not isinstance(self.devices, DevicePlugin):
            out.add("nvidia-device-plugin")
        return tuple(name for name in COMPONENT_NAMES if name not in out)

    @property
    def provider(self) -> GatewayProvider:
        """What implements the gateway."""
        return self.gateway.provider

    @property
    def provided(self) -> frozenset[str]:
        """Names of the components that the provider's clusters of this release have."""
        return frozenset(
            part.component
            for part in self.provider.provided
            if self.kubernetes is None
            or part.since is None
            or number(self.kubernetes) >= number(part.since)
        )

    @property
    def class_name(self) -> str | None:
        """The Gateway's class."""
        return self.gateway_class or self.provider.class_name

    @property
    def open_listeners(self) -> tuple[Listener, ...]:
        """The Gateway's listeners: HTTPS where there is an issuer, unless the user says otherwise.

        Those with a certificate but no host serve the issuer's host.
        """
        hostname = self.issuer.hostname if self.issuer else None
        listeners = self.listeners
        if listeners is None:
            secure = self.issuer is not None
            listeners = [Listener.https(f"{self.gateway.name}-tls") if secure else Listener.http()]
        return tuple(
            replace(each, hostname=hostname)
            if hostname is not None and each.hostname is None and each.certificate is not None
            else each
            for each in listeners
        )

    def has(self, component: str) -> bool:
        """Whether the cluster will have a component, from the stack or from elsewhere."""
        return component in {*self.present, *self.provided, *self.installed}

    def namespace(self, component: ComponentName) -> str:
        """The namespace of a component that has a chart."""
        return self.namespaces.get(component, NAMESPACES[component])

    def merged(self, component: ComponentName, own: Mapping[str, Any]) -> dict[str, Any]:
        """A component's own values with the user's over them."""
        return merge(own, self.values.get(component, {}))
