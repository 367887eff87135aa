"""What serving stands on: gateway controllers, CRDs, charts, and what hands devices out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from cdk8s_inference.checks.example import REMOVED, Edit, Example, breaks
from cdk8s_inference.checks.rule import Breach, rule
from cdk8s_inference.releases.stack import GKE_DRIVER_ROOT, Part, apart, number
from cdk8s_inference.spec.cursor import Cursor
from cdk8s_inference.topology import ChartRelease, Container, KubeObject, Located, Pods, Topology
from cdk8s_inference.topology.chart_release import yaml_in
from cdk8s_inference.topology.located import whole_number

_AI_GATEWAY_CHART = "ai-gateway-helm"
_ENVOY_GATEWAY_CHART = "gateway-helm"
_DRA_CHART = "dra-driver-nvidia-gpu"
_NFD_CHART = "node-feature-discovery"

_CONFIG = "ConfigMap/envoy-gateway-config"
_CONFIG_KEY = "envoy-gateway.yaml"
_GPUS = "HelmRelease/gpus"
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
    "Envoy Gateway does not know InferencePools",
    prevents="Routes to pools are not resolved, and their requests are answered 500.",
    source="Envoy AI Gateway's manifests for Envoy Gateway, and its example for InferencePools.",
    fix="give extensionManager backendResources with InferencePool, the hooks of xdsTranslator and "
    "the AI Gateway's service, as Envoy AI Gateway's values have them",
    example=breaks(
        "substrate",
        _CONFIG,
        f"data[{_CONFIG_KEY}]",
        _config(f"{{hooks: {_HOOKS}, service: {{fqdn: {_THERE}}}}}"),
    ),
)
def pools_unknown(topology: Topology) -> Iterator[Breach]:
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
            yield Breach(
                owner.located(manager, None),
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
    for release in _of_chart(topology, _ENVOY_GATEWAY_CHART):
        if release.values is not None:
            yield release.object, release.values.at("config", "envoyGateway")


def _of_chart(topology: Topology, *charts: str) -> list[ChartRelease]:
    return [release for release in topology.chart_releases if release.chart.value in charts]


def _containers(topology: Topology, image: str) -> Iterator[tuple[Pods, Container]]:
    """The containers whose image's name ends so, without its tag."""
    for pods in topology.pods:
        for container in pods.staying:
            name = container.image.value.partition("@")[0]
            if f"/{name.removesuffix(f':{container.image_tag}')}".endswith(f"/{image}"):
                yield pods, container


def _ai_gateway(topology: Topology) -> Located[str] | None:
    """What says that Envoy Gateway is to ask the AI Gateway."""
    for pods, _ in _containers(topology, "ai-gateway-controller"):
        return pods.here
    for release in _of_chart(topology, _AI_GATEWAY_CHART):
        return release.object.here
    return None


def _pooled(topology: Topology) -> Located[str] | None:
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
    # Half of the time that a check takes, and of no use without Envoy Gateway.
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
    "Envoy Gateway asks the AI Gateway where it is not",
    prevents="Envoy gets no configuration: routes are accepted, and nothing listens.",
    source="The host name holds the AI Gateway's namespace and its Service's name. Seen run.",
    fix="let extensionManager.service.fqdn be the AI Gateway's Service",
    example=breaks(
        "substrate",
        _CONFIG,
        f"data[{_CONFIG_KEY}]",
        _config(
            f"{{backendResources: {_POOLS}, hooks: {_HOOKS}, service: {{fqdn: {_ELSEWHERE}}}}}"
        ),
    ),
)
def asks_elsewhere(topology: Topology) -> Iterator[Breach]:
    known = list(_extension_servers(topology))
    for owner, config in _envoy_gateways(topology):
        at = config.at("extensionManager", "service", "fqdn", "hostname")
        if at.text is None or not known:
            continue
        host = at.text.split(".")
        if not any(host[:2] == [name, namespace] for name, namespace, _ in known):
            name, namespace, place = known[0]
            yield Breach(
                owner.located(at, at.text),
                f"Envoy Gateway asks {at.text}, but the AI Gateway is {name}.{namespace}.svc",
                place,
            )


def _extension_servers(topology: Topology) -> Iterator[tuple[str, str, Located[str]]]:
    """Name and namespace of each Service of an AI Gateway."""
    controllers = {pods for pods, _ in _containers(topology, "ai-gateway-controller")}
    for service in topology.services:
        if controllers & {*service.backends}:
            yield service.object.name, service.object.namespace, service.object.here
    for release in _of_chart(topology, _AI_GATEWAY_CHART):
        if release.values is not None and not release.values.at("nameOverride").present:
            written = release.values.at("controller", "fullnameOverride").text
            name = "ai-gateway-controller" if written is None else written
            yield name, release.namespace, release.object.here


@rule(
    "T522",
    "warning",
    "Releases of the stack's parts are not known to work together",
    prevents="A controller meets CRDs or a partner that it was not built for: it crashes, or "
    "passes over what it does not know.",
    source="The projects' compatibility pages, which the message names.",
    fix="take releases that are known to work together",
    example=breaks(
        "substrate",
        "Deployment/envoy-gateway",
        "spec.template.spec.containers[0].image",
        "docker.io/envoyproxy/gateway:v1.7.2",
    ),
)
def releases_apart(topology: Topology) -> Iterator[Breach]:
    found = _installed(topology)
    for misfit in apart({part: version.value for part, version in found.items()}):
        by = found[misfit.by] if misfit.by else None
        yield Breach(found[misfit.part], misfit.message, by, misfit.fix)


_IMAGES = {
    "ai-gateway-controller": "ai_gateway",
    "envoyproxy/gateway": "envoy_gateway",
    "istio/pilot": "istio",
    "nginx-gateway-fabric": "nginx_gateway_fabric",
}
_BUNDLES = {
    "gateway.networking.k8s.io/bundle-version": "gateway_api",
    "inference.networking.k8s.io/bundle-version": "inference_extension",
}


def _installed(topology: Topology) -> dict[Part, Located[str]]:
    """The release of each part, but for those read in several, as of several clusters."""
    versions: dict[Part, list[Located[str]]] = {}
    for part, version in _versions(topology):
        if number(version.value):
            versions.setdefault(part, []).append(version)
    return {
        part: several[0]
        for part, several in versions.items()
        if len({number(each.value) for each in several}) == 1
    }


def _versions(topology: Topology) -> Iterator[tuple[Part, Located[str]]]:
    for image, part in _IMAGES.items():
        for _, container in _containers(topology, image):
            yield part, container.image.of(container.image_tag)
    for crd in topology.of_kind("CustomResourceDefinition"):
        for key, part in _BUNDLES.items():
            version = crd.text(crd.at("metadata", "annotations", key))
            if version is not None:
                yield part, version
    if topology.chart_releases:
        # A quarter of the time that a check takes, and of no use without charts.
        from cdk8s_inference.stack.catalog import CHARTS, PARTS

        parts = {chart: PARTS[component] for component, (_, chart) in CHARTS.items()}
        for release in topology.chart_releases:
            if release.version is not None and release.chart.value in parts:
                yield parts[release.chart.value], release.version


def _bundle(topology: Topology) -> list[tuple[KubeObject, Located[str]]]:
    """Gateway API's CRDs with the release of each."""
    key = "gateway.networking.k8s.io/bundle-version"
    found = (
        (crd, crd.text(crd.at("metadata", "annotations", key)))
        for crd in topology.of_kind("CustomResourceDefinition")
        if crd.at("spec", "group").text == "gateway.networking.k8s.io"
    )
    return [(crd, version) for crd, version in found if version is not None]


_CHANNEL = "gateway.networking.k8s.io/channel"


@rule(
    "T523",
    "warning",
    "Gateway API's CRDs are of several releases",
    prevents="Controllers look at one of them for the release of all, and write fields that the "
    "others do not have.",
    source="Gateway API: a bundle is released, and upgraded, as one.",
    fix="apply the CRDs of one release",
    example=breaks(
        "substrate",
        "CustomResourceDefinition/gateways.gateway.networking.k8s.io",
        "metadata.annotations[gateway.networking.k8s.io/bundle-version]",
        "v1.6.1",
    ),
)
def several_bundles(topology: Topology) -> Iterator[Breach]:
    bundle = _bundle(topology)
    folders: dict[str, list[tuple[KubeObject, Located[str]]]] = {}
    for crd, version in bundle:
        folders.setdefault(_folder(crd), []).append((crd, version))
    for (first, one), *others in folders.values():
        for crd, version in others:
            if version.value != one.value:
                yield Breach(
                    version, f"{crd.name} is of {version.value}, {first.name} of {one.value}", one
                )


def _folder(found: KubeObject) -> str:
    """Where an object is written: of two folders, each may be of another cluster."""
    return str(PurePath(found.document.file or "").parent)


@rule(
    "T524",
    "error",
    "The upgrade policy refuses Gateway API's CRDs",
    prevents="The API server does not take them, and what is applied with them stops there.",
    source="The policy safe-upgrades.gateway.networking.k8s.io, which comes with Gateway API from "
    "v1.5 on, takes no CRD of a release before v1.5.",
    fix="apply CRDs of v1.5 or newer",
    example=Example(
        "gang",
        (),
        """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: httproutes.gateway.networking.k8s.io
  annotations:
    gateway.networking.k8s.io/bundle-version: v1.4.1
    gateway.networking.k8s.io/channel: standard
spec:
  group: gateway.networking.k8s.io
  names: {kind: HTTPRoute}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: safe-upgrades.gateway.networking.k8s.io}
""",
    ),
)
def refused_by_policy(topology: Topology) -> Iterator[Breach]:
    policies = [
        policy
        for policy in topology.of_kind("ValidatingAdmissionPolicy")
        if policy.name == "safe-upgrades.gateway.networking.k8s.io"
    ]
    for crd, version in _bundle(topology):
        for policy in policies[:1]:
            if _folder(crd) == _folder(policy) and () < number(version.value) < (1, 5):
                yield Breach(version, f"{crd.name} is of {version.value}", policy.here)


@rule(
    "T525",
    "warning",
    "Envoy Gateway's chart brings other CRDs of Gateway API",
    prevents="The chart's are of the experimental channel: Gateway API's upgrade policy refuses "
    "them over those of the standard channel, and the installation fails, or they replace them.",
    source="Envoy Gateway's chart, crds/gatewayapi-crds.yaml; Gateway API's safe-upgrades policy.",
    fix="leave the chart's CRDs out: crds: Skip for Flux, skipCrds for Argo CD",
    example=Example(
        "substrate",
        (),
        """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: envoy-gateway, namespace: argocd}
spec:
  source:
    repoURL: docker.io/envoyproxy
    chart: gateway-helm
    targetRevision: v1.8.3
    helm:
      valuesObject:
        config:
          envoyGateway:
            extensionManager:
              backendResources:
                - {group: inference.networking.k8s.io, kind: InferencePool, version: v1}
              hooks:
                xdsTranslator:
                  translation:
                    listener: {includeAll: true}
                    route: {includeAll: true}
                    cluster: {includeAll: true}
                    secret: {includeAll: true}
                  post: [Translation, Cluster, Route]
              service:
                fqdn:
                  hostname: ai-gateway-controller.envoy-ai-gateway-system.svc.cluster.local
                  port: 1063
""",
    ),
)
def experimental_over_standard(topology: Topology) -> Iterator[Breach]:
    standard = [
        version for crd, version in _bundle(topology) if crd.annotations.get(_CHANNEL) == "standard"
    ]
    for release in _of_chart(topology, _ENVOY_GATEWAY_CHART):
        values = release.values
        left_out = values is None or values.at("crds", "enabled").value is False
        if standard and release.replaces_crds and not left_out:
            yield Breach(
                release.chart,
                f"{release.object} applies the chart's CRDs over those of the standard channel",
                standard[0],
            )


@rule(
    "T526",
    "error",
    "The chart inferencepool is no installer of CRDs",
    prevents="It makes a pool and a picker, and without the labels of a model's pods it does not "
    "render; InferencePool stays an unknown kind.",
    source="modelplaneai/modelplane#158; the chart's templates/_validations.tpl.",
    fix="apply the CRDs of the Gateway API Inference Extension's release instead",
    example=Example(
        "substrate",
        (),
        """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: inference-crds, namespace: argocd}
spec:
  source:
    repoURL: registry.k8s.io/gateway-api-inference-extension/charts
    chart: inferencepool
    targetRevision: v1.0.1
""",
    ),
)
def no_installer(topology: Topology) -> Iterator[Breach]:
    for release in _of_chart(topology, "inferencepool"):
        values = release.values
        if values is None:
            continue
        labels = values.at("inferencePool", "modelServers", "matchLabels")
        if not labels.value:
            yield Breach(
                release.chart, "the chart is given no inferencePool.modelServers.matchLabels"
            )


@rule(
    "T527",
    "warning",
    "Envoy Gateway comes before the InferencePool CRD",
    prevents="It watches InferencePools from its start on: until the CRD is there it fails, and "
    "what waits for it to be healthy, such as the next sync wave, waits for ever.",
    source="envoyproxy/ai-gateway#953; silogen/cluster-forge#730.",
    fix="apply the CRD first: in an earlier sync wave, or earlier in the file",
    example=breaks(
        "substrate",
        f"CustomResourceDefinition/{_POOL_CRD}",
        "metadata.annotations[argocd.argoproj.io/sync-wave]",
        "1",
    ),
)
def crd_later(topology: Topology) -> Iterator[Breach]:
    watched = any(
        each["kind"].text == "InferencePool"
        for _, config in _envoy_gateways(topology)
        for each in _resources(config["extensionManager"])
    )
    crds = [crd for crd in topology.of_kind("CustomResourceDefinition") if crd.name == _POOL_CRD]
    if not watched or len(crds) != 1:
        return
    (crd,) = crds
    for pods, _ in _containers(topology, "envoyproxy/gateway"):
        gateway = pods.object
        if _wave(crd) is None and _wave(gateway) is None:
            same = crd.document.file is not None and crd.document.file == gateway.document.file
            order = topology.objects.index
            if same and order(crd) > order(gateway):
                yield Breach(crd.here, f"{gateway} is earlier in the file", gateway.here)
        elif (_wave(crd) or 0) > (_wave(gateway) or 0):
            at = crd.at("metadata", "annotations", _WAVE)
            yield Breach(
                crd.located(at, at.text),
                f"the CRD is of wave {_wave(crd) or 0}, {gateway} of {_wave(gateway) or 0}",
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
    "The gateway's load balancer asks only nodes that run its proxy",
    prevents="Some clouds' load balancers find no healthy node then, and the gateway gets no "
    "request; on others it keeps the client's address.",
    source="Envoy Gateway's default is Local; modelplane 7bd5657f set Cluster.",
    fix="set externalTrafficPolicy: Cluster where the gateway has an address and does not answer",
    example=breaks(
        "substrate",
        "EnvoyProxy/envoy",
        "spec.provider.kubernetes.envoyService.externalTrafficPolicy",
        "Local",
    ),
)
def local_traffic(topology: Topology) -> Iterator[Breach]:
    for proxy in topology.of_kind("EnvoyProxy"):
        service = proxy.at("spec", "provider", "kubernetes", "envoyService")
        policy = service["externalTrafficPolicy"]
        balanced = service["type"].text in (None, "LoadBalancer")
        if balanced and policy.text in (None, "Local"):
            yield Breach(proxy.located(policy, policy.text), "externalTrafficPolicy is Local")


@rule(
    "T529",
    "warning",
    "A Helm release's name makes others too long",
    prevents="A ServiceAccount of the chart gets a name of more than 63 characters, which no label "
    "holds: with Cilium its pods get no network, and never start.",
    source="modelplaneai/modelplane#215: Cilium labels pods by their ServiceAccount.",
    fix="give the release a short name, such as the chart's own",
    example=breaks(
        "substrate", _GPUS, "spec.releaseName", "production-europe-west4-inference-gpus"
    ),
)
def long_names(topology: Topology) -> Iterator[Breach]:
    for release in topology.chart_releases:
        if release.chart.value not in _LONGEST:
            continue
        overrides = release.values.at("fullnameOverride").text if release.values else None
        name, suffix = release.name.value, _LONGEST[release.chart.value]
        full = name if release.chart.value in name else f"{name}-{release.chart.value}"
        account = f"{(overrides or full)[:63].removesuffix('-')}{suffix}"
        if len(account) > 63:
            yield Breach(
                release.name, f"ServiceAccount {account} has {len(account)} characters of 63"
            )


_LONGEST = {
    _DRA_CHART: "-service-account-kubeletplugin",
    "lws": "-controller-manager",
    _NFD_CHART: "-worker",
}
"""What the longest name of a ServiceAccount adds to the full name of a chart's release."""


@rule(
    "T530",
    "warning",
    "An upgrade of a chart leaves its CRDs behind",
    prevents="The new controller works on the old CRDs: the API server drops fields that they do "
    "not have, without a word.",
    source="Helm installs a chart's crds/ once, and never upgrades them; Flux's upgrade.crds is "
    "Skip unless written.",
    fix="set spec.upgrade.crds to CreateReplace, or to Skip where the CRDs are applied apart",
    example=breaks("substrate", _GPUS, "spec.upgrade", REMOVED),
)
def crds_left_behind(topology: Topology) -> Iterator[Breach]:
    for release in _of_chart(topology, *_WITH_CRDS):
        if release.object.kind == "HelmRelease":
            at = release.object.at("spec", "upgrade", "crds")
            if at.text in (None, "Create"):
                yield Breach(
                    release.object.located(at, at.text),
                    f"spec.upgrade.crds is {at.text or 'not written'}",
                    release.chart,
                )


_WITH_CRDS = (
    _DRA_CHART,
    _ENVOY_GATEWAY_CHART,
    _NFD_CHART,
    "kube-prometheus-stack",
    "lws",
)
"""Charts with a folder crds/; the others' CRDs are templates, which Helm upgrades."""


@rule(
    "T531",
    "warning",
    "Node Feature Discovery does not enter GPU nodes",
    prevents="Nodes that it does not enter get no label, the GPUs' driver runs where the label is, "
    "and claims stay pending.",
    source="kubernetes-sigs/dra-driver-nvidia-gpu#1084; NVIDIA/k8s-device-plugin#1934. GKE taints "
    "GPU nodes by itself.",
    fix="give the worker a toleration of the taint",
    example=breaks("substrate", "HelmRelease/nfd", "spec.values", {}),
)
def nodes_not_entered(topology: Topology) -> Iterator[Breach]:
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
                yield Breach(place, f"its worker does not tolerate {taint}", because)


def _nfd_workers(topology: Topology) -> Iterator[tuple[Located[str], Cursor]]:
    for release in _of_chart(topology, _NFD_CHART):
        if release.values is not None:
            at = release.values.at("worker", "tolerations")
            yield release.object.located(at, "worker"), at
    for pods, container in _containers(topology, "node-feature-discovery"):
        if any(word.value.endswith("nfd-worker") for word in container.words):
            at = pods.at.at("spec", "tolerations")
            yield pods.object.located(at, "worker"), at


def _taints(topology: Topology) -> dict[str, Located[str]]:
    """The taints of nodes with devices, as far as something says that there are any."""
    found: dict[str, Located[str]] = {}
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


def _on_gke(topology: Topology) -> Located[str] | None:
    """What says that the cluster is of GKE."""
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
                return owner.located(value, key)
    for gateway in topology.of_kind("Gateway"):
        if (gateway.at("spec", "gatewayClassName").text or "").startswith("gke-l7-"):
            return gateway.here
    return None


@rule(
    "T532",
    "warning",
    "GKE refuses the GPU driver's pods",
    prevents="Their priority is of system-critical pods, which GKE takes outside of kube-system "
    "only where a ResourceQuota admits them: there is no driver, and claims stay pending.",
    source="modelplaneai/modelplane#229; GKE limits the consumption of system priority classes.",
    fix="add a ResourceQuota to the driver's namespace, scoped to the priority class",
    example=breaks("substrate", "ResourceQuota/critical-pods", "metadata.namespace", "nfd"),
)
def no_quota(topology: Topology) -> Iterator[Breach]:
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
            yield Breach(owner, f"no ResourceQuota of {namespace!r} admits critical pods", because)


def _dra_drivers(topology: Topology) -> Iterator[tuple[Located[str], str, str | None]]:
    """NVIDIA's DRA drivers, their namespaces and priority classes; None for the chart's."""
    for release in _of_chart(topology, _DRA_CHART):
        if release.values is not None:
            priority = release.values.at("kubeletPlugin", "priorityClassName").text
            yield release.object.here, release.namespace, priority
    for pods, _ in _containers(topology, "dra-driver-nvidia-gpu"):
        if pods.workload.kind == "DaemonSet":
            priority = pods.at.at("spec", "priorityClassName").text or ""
            yield pods.here, pods.object.namespace, priority


@rule(
    "T533",
    "warning",
    "The GPU driver is looked for where GKE does not have it",
    prevents="The DRA driver finds no driver on the node and offers no GPU: claims stay pending.",
    source=f"modelplane 44b53c07: GKE keeps NVIDIA's driver in {GKE_DRIVER_ROOT}.",
    fix=f"set nvidiaDriverRoot: {GKE_DRIVER_ROOT}",
    example=breaks("substrate", _GPUS, "spec.values.nvidiaDriverRoot", REMOVED),
)
def driver_elsewhere(topology: Topology) -> Iterator[Breach]:
    because = _on_gke(topology)
    for release in _of_chart(topology, _DRA_CHART):
        if because is None or release.values is None:
            continue
        root = release.values["nvidiaDriverRoot"]
        if root.text in (None, "/"):
            yield Breach(
                release.object.located(root, root.text),
                f"nvidiaDriverRoot is {root.text or '/'}",
                because,
            )


@rule(
    "T534",
    "error",
    "The AI Gateway's release passes over the namespace of a pool",
    prevents="It looks for the pool in the route's own namespace, and requests are answered 500.",
    source="envoyproxy/ai-gateway#2339: mended in v1.1.0.",
    fix="use Envoy AI Gateway v1.1.0 or newer, or put the route into the pool's namespace",
    example=Example(
        "substrate",
        (
            Edit(
                "Deployment/ai-gateway-controller",
                "spec.template.spec.containers[0].image",
                "docker.io/envoyproxy/ai-gateway-controller:v1.0.0",
            ),
            Edit("HTTPRoute/qwen", "spec.rules[0].backendRefs[0].namespace", "models"),
        ),
    ),
)
def namespace_passed_over(topology: Topology) -> Iterator[Breach]:
    release = _installed(topology).get("ai_gateway")
    if release is None or number(release.value) >= (1, 1):
        return
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.is_pool and backend.namespace != route.object.namespace:
                yield Breach(
                    route.object.located(backend.at["namespace"], backend.namespace),
                    f"{backend} is in another namespace, and the AI Gateway is {release.value}",
                    release,
                )


@rule(
    "T535",
    "error",
    "A DisaggregatedSet has a field that its CRD does not know",
    prevents="The API server drops it without a word, or kubectl refuses the object.",
    source="LeaderWorkerSet v0.10.0 has no groupIdentity, which llm-d's manifests write.",
    fix="install a release of LeaderWorkerSet that has it, or remove the field",
    example=Example(
        "substrate",
        (),
        """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: disaggregatedsets.disaggregatedset.x-k8s.io}
spec:
  group: disaggregatedset.x-k8s.io
  names: {kind: DisaggregatedSet}
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          properties:
            spec:
              properties:
                roles: {items: {properties: {name: {type: string}, spec: {type: object}}}}
---
apiVersion: disaggregatedset.x-k8s.io/v1
kind: DisaggregatedSet
metadata: {name: qwen, namespace: llm}
spec:
  roles:
    - {name: prefill, groupIdentity: Hash}
    - {name: decode}
""",
    ),
)
def unknown_role_field(topology: Topology) -> Iterator[Breach]:
    for crd in topology.of_kind("CustomResourceDefinition"):
        if crd.name != "disaggregatedsets.disaggregatedset.x-k8s.io":
            continue
        for version in crd.at("spec", "versions").items():
            spec = version.at("schema", "openAPIV3Schema", "properties", "spec", "properties")
            known = dict(spec.at("roles", "items", "properties").fields())
            for found in topology.of_kind("DisaggregatedSet"):
                for role in found.at("spec", "roles").items():
                    for key, at in role.fields():
                        if known and key not in known:
                            yield Breach(
                                found.located(at, key),
                                f"roles have no {key}; they have {', '.join(known)}",
                                crd.here,
                            )
