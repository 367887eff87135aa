"""The installed components: whether their releases, CRDs and Helm charts are compatible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import REMOVED, Edit, breaks, manifests
from cdk8s_inference.releases.stack import Part, incompatible_releases, number
from cdk8s_inference.topology import KubeObject, SourceValue, Topology
from cdk8s_inference.topology.chart_release import (
    DRA_DRIVER,
    ENVOY_GATEWAY,
    NODE_FEATURE_DISCOVERY,
)

_GPUS = "HelmRelease/gpus"


@rule(
    "T522",
    "warning",
    "The releases of two components are not known to be compatible",
    why="A controller crashes, or ignores fields and objects, if it runs with CRDs or with another "
    "component of a release that it does not support.",
    evidence="The compatibility pages of the projects; the message names the page.",
    fix="use releases that are documented to work together",
    example=breaks(
        "substrate",
        "Deployment/envoy-gateway",
        "spec.template.spec.containers[0].image",
        "docker.io/envoyproxy/gateway:v1.7.2",
    ),
)
def incompatible_components(topology: Topology) -> Iterator[Violation]:
    found = _installed(topology)
    for each in incompatible_releases({part: version.value for part, version in found.items()}):
        by = found[each.by] if each.by else None
        yield Violation(found[each.part], each.message, by, each.fix)


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


def _installed(topology: Topology) -> dict[Part, SourceValue[str]]:
    """The release of each part; parts with several releases, as of several clusters, are absent."""
    versions: dict[Part, list[SourceValue[str]]] = {}
    for part, version in _versions(topology):
        if number(version.value):
            versions.setdefault(part, []).append(version)
    return {
        part: several[0]
        for part, several in versions.items()
        if len({number(each.value) for each in several}) == 1
    }


def _versions(topology: Topology) -> Iterator[tuple[Part, SourceValue[str]]]:
    for image, part in _IMAGES.items():
        for _, container in topology.running(image):
            yield part, container.image.of(container.image_tag)
    for crd in topology.of_kind("CustomResourceDefinition"):
        for key, part in _BUNDLES.items():
            version = crd.text(crd.at("metadata", "annotations", key))
            if version is not None:
                yield part, version
    if topology.chart_releases:
        # The import takes a quarter of the time of a check, and only charts need it.
        from cdk8s_inference.stack.catalog import CHARTS, PARTS

        parts = {chart: PARTS[component] for component, (_, chart) in CHARTS.items()}
        for release in topology.chart_releases:
            if release.version is not None and release.chart.value in parts:
                yield parts[release.chart.value], release.version


def _bundle(topology: Topology) -> list[tuple[KubeObject, SourceValue[str]]]:
    """The CRDs of Gateway API, each with its release."""
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
    "The Gateway API CRDs are of different releases",
    why="A controller reads the release from one CRD and then uses fields that the other CRDs do "
    "not have.",
    evidence="Gateway API's versioning page: the CRDs of a release are a bundle, and are upgraded "
    "together.",
    fix="apply the CRDs of one release",
    example=breaks(
        "substrate",
        "CustomResourceDefinition/gateways.gateway.networking.k8s.io",
        "metadata.annotations[gateway.networking.k8s.io/bundle-version]",
        "v1.6.1",
    ),
)
def mixed_bundle_versions(topology: Topology) -> Iterator[Violation]:
    bundle = _bundle(topology)
    folders: dict[str, list[tuple[KubeObject, SourceValue[str]]]] = {}
    for crd, version in bundle:
        folders.setdefault(_folder(crd), []).append((crd, version))
    for (first, one), *others in folders.values():
        for crd, version in others:
            if version.value != one.value:
                yield Violation(
                    version,
                    f"{crd.name} is of release {version.value}, and {first.name} of {one.value}",
                    one,
                )


def _folder(found: KubeObject) -> str:
    """The folder of an object's file. Two folders may be for two clusters."""
    return str(PurePath(found.document.file or "").parent)


@rule(
    "T524",
    "error",
    "The safe-upgrades policy rejects the Gateway API CRDs",
    why="The API server rejects the CRDs, and the apply fails.",
    evidence="The ValidatingAdmissionPolicy safe-upgrades.gateway.networking.k8s.io, which is part "
    "of Gateway API from v1.5 on, rejects CRDs of releases before v1.5.",
    fix="apply the CRDs of v1.5 or newer",
    example=manifests(
        "gang",
        added="""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: httproutes.gateway.networking.k8s.io
  annotations:
    gateway.networking.k8s.io/bundle-version: v1.4.1
    gateway.networking.k8s.io/channel: standard
spec:
  group: gateway.networking.k8s.io
  names: {kind: HTTPRoute, plural: httproutes}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: safe-upgrades.gateway.networking.k8s.io}
""",
    ),
)
def rejected_by_policy(topology: Topology) -> Iterator[Violation]:
    policies = [
        policy
        for policy in topology.of_kind("ValidatingAdmissionPolicy")
        if policy.name == "safe-upgrades.gateway.networking.k8s.io"
    ]
    for crd, version in _bundle(topology):
        for policy in policies[:1]:
            if _folder(crd) == _folder(policy) and () < number(version.value) < (1, 5):
                yield Violation(
                    version,
                    f"{crd.name} is of release {version.value}, and {policy.name} is installed",
                    policy.here,
                )


@rule(
    "T525",
    "warning",
    "The Envoy Gateway chart replaces the Gateway API CRDs",
    why="The chart contains the CRDs of the experimental channel. The safe-upgrades policy of "
    "Gateway API rejects them, and the installation fails; without the policy they replace the "
    "CRDs of the standard channel.",
    evidence="The file crds/gatewayapi-crds.yaml of the Envoy Gateway chart; the safe-upgrades "
    "policy of Gateway API.",
    fix="do not install the CRDs of the chart: set crds: Skip in Flux, or skipCrds in Argo CD",
    example=manifests(
        "substrate",
        added="""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: envoy-gateway, namespace: argocd}
spec:
  project: default
  destination: {name: in-cluster, namespace: envoy-gateway-system}
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
def chart_replaces_crds(topology: Topology) -> Iterator[Violation]:
    standard = [
        version for crd, version in _bundle(topology) if crd.annotations.get(_CHANNEL) == "standard"
    ]
    for release in topology.charts(ENVOY_GATEWAY):
        values = release.values
        left_out = values is None or values.at("crds", "enabled").value is False
        if standard and release.replaces_crds and not left_out:
            yield Violation(
                release.chart,
                f"{release.object} installs the CRDs of the chart, which replace those of the "
                "standard channel",
                standard[0],
            )


@rule(
    "T526",
    "error",
    "The chart inferencepool does not install CRDs",
    why="The chart creates an InferencePool and an endpoint picker, and rendering fails without "
    "the labels of the model server pods. The InferencePool CRD is not installed.",
    evidence="modelplaneai/modelplane#158; the chart's templates/_validations.tpl.",
    fix="apply the CRDs of a Gateway API Inference Extension release instead",
    example=manifests(
        "substrate",
        added="""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: inference-crds, namespace: argocd}
spec:
  project: default
  destination: {name: in-cluster, namespace: llm}
  source:
    repoURL: registry.k8s.io/gateway-api-inference-extension/charts
    chart: inferencepool
    targetRevision: v1.0.1
""",
    ),
)
def chart_without_crds(topology: Topology) -> Iterator[Violation]:
    for release in topology.charts("inferencepool"):
        values = release.values
        if values is None:
            continue
        labels = values.at("inferencePool", "modelServers", "matchLabels")
        if not labels.value:
            yield Violation(
                release.chart,
                "the values of the chart do not set inferencePool.modelServers.matchLabels",
            )


@rule(
    "T529",
    "warning",
    "The name of a Helm release is too long",
    why="The chart creates a ServiceAccount whose name is longer than the 63 characters of a label "
    "value. With Cilium the pods of this ServiceAccount get no network and do not start.",
    evidence="modelplaneai/modelplane#215: Cilium uses the name of the ServiceAccount as a label "
    "value.",
    fix="use a shorter release name, such as the name of the chart",
    example=breaks(
        "substrate", _GPUS, "spec.releaseName", "production-europe-west4-inference-gpus"
    ),
)
def long_release_name(topology: Topology) -> Iterator[Violation]:
    for release in topology.chart_releases:
        if release.chart.value not in _LONGEST:
            continue
        overrides = release.values.at("fullnameOverride").text if release.values else None
        name, suffix = release.name.value, _LONGEST[release.chart.value]
        full = name if release.chart.value in name else f"{name}-{release.chart.value}"
        account = f"{(overrides or full)[:63].removesuffix('-')}{suffix}"
        if len(account) > 63:
            yield Violation(
                release.name,
                f"the name of ServiceAccount {account} has {len(account)} characters; a label "
                "value has at most 63",
            )


_LONGEST = {
    DRA_DRIVER: "-service-account-kubeletplugin",
    "lws": "-controller-manager",
    NODE_FEATURE_DISCOVERY: "-worker",
}
"""The suffix that a chart adds to its full name for the longest name of a ServiceAccount."""


@rule(
    "T530",
    "warning",
    "An upgrade of a HelmRelease does not upgrade its CRDs",
    why="The new controller runs with the old CRDs, and the API server drops fields that are not "
    "in them without an error.",
    evidence="Helm installs the CRDs in crds/ once and does not upgrade them; the default of "
    "spec.upgrade.crds in Flux is Skip.",
    fix="set spec.upgrade.crds to CreateReplace, or to Skip if the CRDs are applied separately",
    example=breaks("substrate", _GPUS, "spec.upgrade", REMOVED),
)
def crds_not_upgraded(topology: Topology) -> Iterator[Violation]:
    for release in topology.charts(*_WITH_CRDS):
        if release.object.kind == "HelmRelease":
            at = release.object.at("spec", "upgrade", "crds")
            if at.text in (None, "Create"):
                yield Violation(
                    release.object.value_at(at, at.text),
                    f"spec.upgrade.crds is {at.text or 'not set'}",
                    release.chart,
                )


_WITH_CRDS = (
    DRA_DRIVER,
    ENVOY_GATEWAY,
    NODE_FEATURE_DISCOVERY,
    "kube-prometheus-stack",
    "lws",
)
"""Charts with a folder crds/. The CRDs of other charts are templates, which Helm upgrades."""


@rule(
    "T534",
    "error",
    "Envoy AI Gateway ignores the namespace of a pool before v1.1.0",
    why="The controller looks for the pool in the namespace of the route, and requests are "
    "answered 500.",
    evidence="envoyproxy/ai-gateway#2339: fixed in v1.1.0.",
    fix="use Envoy AI Gateway v1.1.0 or newer, or move the route to the namespace of the pool",
    example=manifests(
        "substrate",
        Edit(
            "Deployment/ai-gateway-controller",
            "spec.template.spec.containers[0].image",
            "docker.io/envoyproxy/ai-gateway-controller:v1.0.0",
        ),
        Edit("HTTPRoute/qwen", "spec.rules[0].backendRefs[0].namespace", "models"),
    ),
)
def pool_namespace_ignored(topology: Topology) -> Iterator[Violation]:
    release = _installed(topology).get("ai_gateway")
    if release is None or number(release.value) >= (1, 1):
        return
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.is_pool and backend.namespace != route.object.namespace:
                yield Violation(
                    route.object.value_at(backend.at["namespace"], backend.namespace),
                    f"{backend} is not in the namespace of the route, "
                    f"{route.object.namespace!r}, and Envoy AI Gateway is {release.value}",
                    release,
                )


@rule(
    "T535",
    "error",
    "A DisaggregatedSet has a field that is not in its CRD",
    why="The API server drops the field without an error, or kubectl rejects the object.",
    evidence="The CRD of LeaderWorkerSet v0.10.0 has no groupIdentity, which manifests of llm-d "
    "set.",
    fix="install a release of LeaderWorkerSet that has the field, or remove the field",
    example=manifests(
        "substrate",
        added="""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: disaggregatedsets.disaggregatedset.x-k8s.io}
spec:
  group: disaggregatedset.x-k8s.io
  names: {kind: DisaggregatedSet, plural: disaggregatedsets}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
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
def unknown_role_field(topology: Topology) -> Iterator[Violation]:
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
                            yield Violation(
                                found.value_at(at, key),
                                f"{key} is not a field of a role in the CRD; its fields are "
                                f"{', '.join(known)}",
                                crd.here,
                            )
