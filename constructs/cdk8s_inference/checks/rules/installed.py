"""What serving stands on, as installed: releases, CRDs and charts that go together."""

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
    "Releases of the stack's parts are not known to work together",
    why="A controller meets CRDs or a partner that it was not built for: it crashes, or "
    "passes over what it does not know.",
    evidence="The projects' compatibility pages, which the message names.",
    fix="take releases that are known to work together",
    example=breaks(
        "substrate",
        "Deployment/envoy-gateway",
        "spec.template.spec.containers[0].image",
        "docker.io/envoyproxy/gateway:v1.7.2",
    ),
)
def releases_apart(topology: Topology) -> Iterator[Violation]:
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
    """The release of each part, but for those read in several, as of several clusters."""
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
        # A quarter of the time that a check takes, and of no use without charts.
        from cdk8s_inference.stack.catalog import CHARTS, PARTS

        parts = {chart: PARTS[component] for component, (_, chart) in CHARTS.items()}
        for release in topology.chart_releases:
            if release.version is not None and release.chart.value in parts:
                yield parts[release.chart.value], release.version


def _bundle(topology: Topology) -> list[tuple[KubeObject, SourceValue[str]]]:
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
    why="Controllers look at one of them for the release of all, and write fields that the "
    "others do not have.",
    evidence="Gateway API: a bundle is released, and upgraded, as one.",
    fix="apply the CRDs of one release",
    example=breaks(
        "substrate",
        "CustomResourceDefinition/gateways.gateway.networking.k8s.io",
        "metadata.annotations[gateway.networking.k8s.io/bundle-version]",
        "v1.6.1",
    ),
)
def several_bundles(topology: Topology) -> Iterator[Violation]:
    bundle = _bundle(topology)
    folders: dict[str, list[tuple[KubeObject, SourceValue[str]]]] = {}
    for crd, version in bundle:
        folders.setdefault(_folder(crd), []).append((crd, version))
    for (first, one), *others in folders.values():
        for crd, version in others:
            if version.value != one.value:
                yield Violation(
                    version, f"{crd.name} is of {version.value}, {first.name} of {one.value}", one
                )


def _folder(found: KubeObject) -> str:
    """Where an object is written: of two folders, each may be of another cluster."""
    return str(PurePath(found.document.file or "").parent)


@rule(
    "T524",
    "error",
    "The upgrade policy refuses Gateway API's CRDs",
    why="The API server does not take them, and what is applied with them stops there.",
    evidence="The policy safe-upgrades.gateway.networking.k8s.io, which comes with Gateway API "
    "from v1.5 on, takes no CRD of a release before v1.5.",
    fix="apply CRDs of v1.5 or newer",
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
  names: {kind: HTTPRoute}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: safe-upgrades.gateway.networking.k8s.io}
""",
    ),
)
def refused_by_policy(topology: Topology) -> Iterator[Violation]:
    policies = [
        policy
        for policy in topology.of_kind("ValidatingAdmissionPolicy")
        if policy.name == "safe-upgrades.gateway.networking.k8s.io"
    ]
    for crd, version in _bundle(topology):
        for policy in policies[:1]:
            if _folder(crd) == _folder(policy) and () < number(version.value) < (1, 5):
                yield Violation(version, f"{crd.name} is of {version.value}", policy.here)


@rule(
    "T525",
    "warning",
    "Envoy Gateway's chart brings other CRDs of Gateway API",
    why="The chart's are of the experimental channel: Gateway API's upgrade policy refuses "
    "them over those of the standard channel, and the installation fails, or they replace them.",
    evidence="Envoy Gateway's chart, crds/gatewayapi-crds.yaml; Gateway API's safe-upgrades "
    "policy.",
    fix="leave the chart's CRDs out: crds: Skip for Flux, skipCrds for Argo CD",
    example=manifests(
        "substrate",
        added="""\
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
def experimental_over_standard(topology: Topology) -> Iterator[Violation]:
    standard = [
        version for crd, version in _bundle(topology) if crd.annotations.get(_CHANNEL) == "standard"
    ]
    for release in topology.charts(ENVOY_GATEWAY):
        values = release.values
        left_out = values is None or values.at("crds", "enabled").value is False
        if standard and release.replaces_crds and not left_out:
            yield Violation(
                release.chart,
                f"{release.object} applies the chart's CRDs over those of the standard channel",
                standard[0],
            )


@rule(
    "T526",
    "error",
    "The chart inferencepool is no installer of CRDs",
    why="It makes a pool and a picker, and without the labels of a model's pods it does not "
    "render; InferencePool stays an unknown kind.",
    evidence="modelplaneai/modelplane#158; the chart's templates/_validations.tpl.",
    fix="apply the CRDs of the Gateway API Inference Extension's release instead",
    example=manifests(
        "substrate",
        added="""\
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
def no_installer(topology: Topology) -> Iterator[Violation]:
    for release in topology.charts("inferencepool"):
        values = release.values
        if values is None:
            continue
        labels = values.at("inferencePool", "modelServers", "matchLabels")
        if not labels.value:
            yield Violation(
                release.chart, "the chart is given no inferencePool.modelServers.matchLabels"
            )


@rule(
    "T529",
    "warning",
    "A Helm release's name makes others too long",
    why="A ServiceAccount of the chart gets a name of more than 63 characters, which no label "
    "holds: with Cilium its pods get no network, and never start.",
    evidence="modelplaneai/modelplane#215: Cilium labels pods by their ServiceAccount.",
    fix="give the release a short name, such as the chart's own",
    example=breaks(
        "substrate", _GPUS, "spec.releaseName", "production-europe-west4-inference-gpus"
    ),
)
def long_names(topology: Topology) -> Iterator[Violation]:
    for release in topology.chart_releases:
        if release.chart.value not in _LONGEST:
            continue
        overrides = release.values.at("fullnameOverride").text if release.values else None
        name, suffix = release.name.value, _LONGEST[release.chart.value]
        full = name if release.chart.value in name else f"{name}-{release.chart.value}"
        account = f"{(overrides or full)[:63].removesuffix('-')}{suffix}"
        if len(account) > 63:
            yield Violation(
                release.name, f"ServiceAccount {account} has {len(account)} characters of 63"
            )


_LONGEST = {
    DRA_DRIVER: "-service-account-kubeletplugin",
    "lws": "-controller-manager",
    NODE_FEATURE_DISCOVERY: "-worker",
}
"""What the longest name of a ServiceAccount adds to the full name of a chart's release."""


@rule(
    "T530",
    "warning",
    "An upgrade of a chart leaves its CRDs behind",
    why="The new controller works on the old CRDs: the API server drops fields that they do "
    "not have, without a word.",
    evidence="Helm installs a chart's crds/ once, and never upgrades them; Flux's upgrade.crds is "
    "Skip unless written.",
    fix="set spec.upgrade.crds to CreateReplace, or to Skip where the CRDs are applied apart",
    example=breaks("substrate", _GPUS, "spec.upgrade", REMOVED),
)
def crds_left_behind(topology: Topology) -> Iterator[Violation]:
    for release in topology.charts(*_WITH_CRDS):
        if release.object.kind == "HelmRelease":
            at = release.object.at("spec", "upgrade", "crds")
            if at.text in (None, "Create"):
                yield Violation(
                    release.object.value_at(at, at.text),
                    f"spec.upgrade.crds is {at.text or 'not written'}",
                    release.chart,
                )


_WITH_CRDS = (
    DRA_DRIVER,
    ENVOY_GATEWAY,
    NODE_FEATURE_DISCOVERY,
    "kube-prometheus-stack",
    "lws",
)
"""Charts with a folder crds/; the others' CRDs are templates, which Helm upgrades."""


@rule(
    "T534",
    "error",
    "The AI Gateway's release passes over the namespace of a pool",
    why="It looks for the pool in the route's own namespace, and requests are answered 500.",
    evidence="envoyproxy/ai-gateway#2339: mended in v1.1.0.",
    fix="use Envoy AI Gateway v1.1.0 or newer, or put the route into the pool's namespace",
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
def namespace_passed_over(topology: Topology) -> Iterator[Violation]:
    release = _installed(topology).get("ai_gateway")
    if release is None or number(release.value) >= (1, 1):
        return
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.is_pool and backend.namespace != route.object.namespace:
                yield Violation(
                    route.object.value_at(backend.at["namespace"], backend.namespace),
                    f"{backend} is in another namespace, and the AI Gateway is {release.value}",
                    release,
                )


@rule(
    "T535",
    "error",
    "A DisaggregatedSet has a field that its CRD does not know",
    why="The API server drops it without a word, or kubectl refuses the object.",
    evidence="LeaderWorkerSet v0.10.0 has no groupIdentity, which llm-d's manifests write.",
    fix="install a release of LeaderWorkerSet that has it, or remove the field",
    example=manifests(
        "substrate",
        added="""\
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
                                f"roles have no {key}; they have {', '.join(known)}",
                                crd.here,
                            )
