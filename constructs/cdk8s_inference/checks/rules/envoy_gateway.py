"""Envoy Gateway: its extension manager, the order of the InferencePool CRD, and its Service."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import KubeObject, SourceValue, Topology
from cdk8s_inference.topology.chart_release import AI_GATEWAY, ENVOY_GATEWAY, yaml_in
from cdk8s_inference.topology.kube_object import whole_number

_CONFIG = "ConfigMap/envoy-gateway-config"

_CONFIG_KEY = "envoy-gateway.yaml"

_POOL_CRD = "inferencepools.inference.networking.k8s.io"


def _config(extension_manager: str) -> str:
    head = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyGateway\n"
    return f"{head}extensionManager: {extension_manager}\n"


_HOOKS = (
    "{xdsTranslator: {post: [Translation, Cluster, Route], translation: {listener: {includeAll: "
    "true}, route: {includeAll: true}, cluster: {includeAll: true}, secret: {includeAll: true}}}}"
)

_POOLS = "[{group: inference.networking.k8s.io, kind: InferencePool, version: v1}]"
_THERE = "{hostname: ai-gateway-controller.envoy-ai-gateway-system.svc, port: 1063}"
_ELSEWHERE = "{hostname: ai-gateway-controller.ai-gateway.svc.cluster.local, port: 1063}"


@rule(
    "T520",
    "error",
    "Envoy Gateway is not configured for InferencePools",
    why="Routes to an InferencePool are not resolved, and their requests are answered 500.",
    evidence="The Envoy Gateway values that Envoy AI Gateway publishes, and its InferencePool "
    "example.",
    fix="set backendResources with InferencePool, the xdsTranslator hooks and the service of Envoy "
    "AI Gateway in extensionManager, as in the Envoy Gateway values of Envoy AI Gateway",
    example=breaks(
        "substrate",
        _CONFIG,
        f"data[{_CONFIG_KEY}]",
        _config(f"{{hooks: {_HOOKS}, service: {{fqdn: {_THERE}}}}}"),
    ),
)
def inference_pools_not_configured(topology: Topology) -> Iterator[Violation]:
    for owner, config in _envoy_gateways(topology):
        pooled = _pooled(topology)
        because = pooled or _ai_gateway(topology)
        if because is None:
            return
        manager = config["extensionManager"]
        hooks = manager.at("hooks", "xdsTranslator")
        post = {item.text for item in hooks["post"].items()}
        translated = {
            kind for kind, at in hooks["translation"].fields() if at["includeAll"].value is True
        }
        groups = {(each["group"].text, each["kind"].text) for each in _resources(manager)}
        lacks = [
            what
            for what, there in (
                (
                    "backendResources with InferencePool",
                    pooled is None or ("inference.networking.k8s.io", "InferencePool") in groups,
                ),
                ("hooks after Translation, Cluster and Route", post >= _POST),
                ("translation of all listeners, routes, clusters, secrets", translated >= _ALL),
                ("service", manager["service"].present),
            )
            if not there
        ]
        if lacks:
            yield Violation(
                owner.value_at(manager, None),
                f"extensionManager has no {'; no '.join(lacks)}",
                because,
            )


_POST = {"Translation", "Cluster", "Route"}

_ALL = {"listener", "route", "cluster", "secret"}


def _resources(manager: Cursor) -> Iterator[Cursor]:
    return manager["backendResources"].items()


def _envoy_gateways(topology: Topology) -> Iterator[tuple[KubeObject, Cursor]]:
    """Each configuration of Envoy Gateway that was read whole, and the object that holds it."""
    for found in topology.of_kind("ConfigMap"):
        at = found.at("data", _CONFIG_KEY)
        if at.present:
            yield found, yaml_in(at)
    for release in topology.charts(ENVOY_GATEWAY):
        if release.values is not None:
            yield release.object, release.values.at("config", "envoyGateway")


def _ai_gateway(topology: Topology) -> SourceValue[str] | None:
    """The object that shows that Envoy AI Gateway extends Envoy Gateway."""
    for pods, _ in topology.running("ai-gateway-controller"):
        return pods.here
    for release in topology.charts(AI_GATEWAY):
        return release.object.here
    return None


def _pooled(topology: Topology) -> SourceValue[str] | None:
    """A route to a pool, unless its gateway was read and is not Envoy Gateway's."""
    for route in topology.routes:
        parents = [topology.find("Gateway", p.namespace, p.name.value) for p in route.parents]
        if any(gateway is not None and _is_others(topology, gateway) for gateway in parents):
            continue
        for backend in route.all_backends():
            if backend.is_pool:
                return backend.name
    return None


def _is_others(topology: Topology, gateway: KubeObject) -> bool:
    """Whether a gateway is programmed by another controller than Envoy Gateway."""
    # The import takes half of the time of a check, and only Envoy Gateway needs it.
    from cdk8s_inference.gateways import ENVOY_AI_GATEWAY, GATEWAY_PROVIDERS

    name = gateway.at("spec", "gatewayClassName").text or ""
    for each in topology.of_kind("GatewayClass"):
        if each.name == name:
            return each.at("spec", "controllerName").text != _CONTROLLER
    others = (each for each in GATEWAY_PROVIDERS.values() if each is not ENVOY_AI_GATEWAY)
    return any(provider.owns_class(name) for provider in others)


_CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"


@rule(
    "T521",
    "error",
    "The extension service of Envoy Gateway is not that of Envoy AI Gateway",
    why="Envoy gets no configuration: the routes are accepted, but the proxy has no listener.",
    evidence="Seen run. The host name is made of the name and the namespace of the Service.",
    fix="set extensionManager.service.fqdn to the Service of Envoy AI Gateway",
    example=breaks(
        "substrate",
        _CONFIG,
        f"data[{_CONFIG_KEY}]",
        _config(
            f"{{backendResources: {_POOLS}, hooks: {_HOOKS}, service: {{fqdn: {_ELSEWHERE}}}}}"
        ),
    ),
)
def wrong_extension_service(topology: Topology) -> Iterator[Violation]:
    known = list(_extension_servers(topology))
    for owner, config in _envoy_gateways(topology):
        at = config.at("extensionManager", "service", "fqdn", "hostname")
        if at.text is None or not known:
            continue
        host = at.text.split(".")
        if not any(host[:2] == [name, namespace] for name, namespace, _ in known):
            name, namespace, place = known[0]
            yield Violation(
                owner.value_at(at, at.text),
                f"Envoy Gateway calls {at.text}, and the Service of Envoy AI Gateway is "
                f"{name}.{namespace}.svc",
                place,
            )


def _extension_servers(topology: Topology) -> Iterator[tuple[str, str, SourceValue[str]]]:
    """The name and namespace of each Service of Envoy AI Gateway, and where it is written."""
    controllers = {pods for pods, _ in topology.running("ai-gateway-controller")}
    for service in topology.services:
        if controllers & {*service.backends}:
            yield service.object.name, service.object.namespace, service.object.here
    for release in topology.charts(AI_GATEWAY):
        if release.values is not None and not release.values.at("nameOverride").present:
            written = release.values.at("controller", "fullnameOverride").text
            name = "ai-gateway-controller" if written is None else written
            yield name, release.namespace, release.object.here


@rule(
    "T527",
    "warning",
    "Envoy Gateway is applied before the InferencePool CRD",
    why="Envoy Gateway watches InferencePools and fails without the CRD. If a later sync wave that "
    "contains the CRD waits until Envoy Gateway is healthy, the sync does not complete.",
    evidence="envoyproxy/ai-gateway#953; silogen/cluster-forge#730.",
    fix="apply the CRD first: in an earlier sync wave, or earlier in the file",
    example=breaks(
        "substrate",
        f"CustomResourceDefinition/{_POOL_CRD}",
        "metadata.annotations[argocd.argoproj.io/sync-wave]",
        "1",
    ),
)
def crd_applied_later(topology: Topology) -> Iterator[Violation]:
    watched = any(
        each["kind"].text == "InferencePool"
        for _, config in _envoy_gateways(topology)
        for each in _resources(config["extensionManager"])
    )
    crds = [crd for crd in topology.of_kind("CustomResourceDefinition") if crd.name == _POOL_CRD]
    if not watched or len(crds) != 1:
        return
    (crd,) = crds
    for pods, _ in topology.running("envoyproxy/gateway"):
        gateway = pods.object
        if _wave(crd) is None and _wave(gateway) is None:
            same = crd.document.file is not None and crd.document.file == gateway.document.file
            order = topology.objects.index
            if same and order(crd) > order(gateway):
                yield Violation(
                    crd.here,
                    f"the InferencePool CRD is after {gateway} in the file",
                    gateway.here,
                )
        elif (_wave(crd) or 0) > (_wave(gateway) or 0):
            at = crd.at("metadata", "annotations", _WAVE)
            yield Violation(
                crd.value_at(at, at.text),
                f"the InferencePool CRD is in sync wave {_wave(crd) or 0}, and {gateway} in "
                f"{_wave(gateway) or 0}",
                gateway.here,
            )


_WAVE = "argocd.argoproj.io/sync-wave"


def _wave(found: KubeObject) -> int | None:
    text = found.annotations.get(_WAVE, "")
    wave = whole_number(text.removeprefix("-"))
    return None if wave is None else (-wave if text.startswith("-") else wave)


@rule(
    "T528",
    "note",
    "The gateway's load balancer uses only nodes that run its proxy",
    why="The load balancers of some clouds find no healthy node with externalTrafficPolicy: Local, "
    "and the gateway gets no requests. On others this setting preserves the client's address.",
    evidence="The default of Envoy Gateway is Local; modelplane changed it to Cluster in commit "
    "7bd5657f.",
    fix="set externalTrafficPolicy: Cluster if the gateway has an address but does not respond",
    example=breaks(
        "substrate",
        "EnvoyProxy/envoy",
        "spec.provider.kubernetes.envoyService.externalTrafficPolicy",
        "Local",
    ),
)
def local_traffic_policy(topology: Topology) -> Iterator[Violation]:
    for proxy in topology.of_kind("EnvoyProxy"):
        service = proxy.at("spec", "provider", "kubernetes", "envoyService")
        policy = service["externalTrafficPolicy"]
        balanced = service["type"].text in (None, "LoadBalancer")
        if balanced and policy.text in (None, "Local"):
            written = "Local" if policy.present else "not set, which is Local"
            yield Violation(
                proxy.value_at(policy, policy.text), f"externalTrafficPolicy is {written}"
            )
