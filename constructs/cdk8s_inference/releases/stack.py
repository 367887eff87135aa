"""Releases of the serving stack's parts, and which of them work together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from cdk8s_inference.arguments import NonEmpty, checked

GKE_DRIVER_ROOT = "/home/kubernetes/bin/nvidia"
"""Where GKE's nodes have NVIDIA's driver."""

Part = str
"""A field of :class:`StackVersions`, or ``kubernetes``."""


@checked
@dataclass(frozen=True)
class StackVersions:
    """The release of each part of a serving stack, as the chart or the project writes it.

    Attributes:
        gateway_api: Gateway API's CRDs, standard channel.
        inference_extension: Gateway API Inference Extension's CRDs: InferencePool.
        envoy_gateway: Envoy Gateway's chart and CRDs.
        ai_gateway: Envoy AI Gateway's two charts.
        istio: Istio's charts.
        agentgateway: agentgateway's two charts.
        nginx_gateway_fabric: NGINX Gateway Fabric's chart.
        leader_worker_set: LeaderWorkerSet's chart and CRDs.
        cert_manager: cert-manager's chart.
        prometheus: The kube-prometheus-stack chart.
        node_feature_discovery: Node Feature Discovery's chart.
        nvidia_dra_driver: The chart of NVIDIA's DRA driver for GPUs.
        nvidia_device_plugin: The chart of NVIDIA's device plugin.
    """

    gateway_api: NonEmpty
    inference_extension: NonEmpty
    envoy_gateway: NonEmpty
    ai_gateway: NonEmpty
    istio: NonEmpty
    agentgateway: NonEmpty
    nginx_gateway_fabric: NonEmpty
    leader_worker_set: NonEmpty
    cert_manager: NonEmpty
    prometheus: NonEmpty
    node_feature_discovery: NonEmpty
    nvidia_dra_driver: NonEmpty
    nvidia_device_plugin: NonEmpty


STACK_2026_08 = StackVersions(
    gateway_api="v1.5.1",
    inference_extension="v1.6.0",
    envoy_gateway="v1.8.3",
    ai_gateway="v1.1.0",
    istio="1.30.3",
    agentgateway="v1.4.1",
    nginx_gateway_fabric="2.6.7",
    leader_worker_set="v0.10.0",
    cert_manager="v1.21.1",
    prometheus="88.5.3",
    node_feature_discovery="0.19.0",
    nvidia_dra_driver="0.4.1",
    nvidia_device_plugin="0.20.0",
)
"""August 2026. Envoy Gateway 1.9 is out, but Envoy AI Gateway 1.1 is built on 1.8."""

STACK_MODELPLANE = StackVersions(
    gateway_api="v1.5.1",
    inference_extension="v1.0.1",
    envoy_gateway="v1.8.1",
    ai_gateway="v0.7.0",
    istio="1.30.3",
    agentgateway="v1.4.1",
    nginx_gateway_fabric="2.6.7",
    leader_worker_set="v0.8.0",
    cert_manager="v1.17.1",
    prometheus="72.6.2",
    node_feature_discovery="0.18.3",
    nvidia_dra_driver="0.4.0",
    nvidia_device_plugin="0.20.0",
)
"""What Modelplane installs, from pull request #142 to v0.3.1, and its document's defaults. It
installs no device plugin, and no other gateway than Envoy AI Gateway."""

STACK_NEWEST = STACK_2026_08

STACKS: Mapping[str, StackVersions] = {
    "STACK_2026_08": STACK_2026_08,
    "STACK_MODELPLANE": STACK_MODELPLANE,
}
"""The sets that are known to work, by name."""

KNOWN: Mapping[Part, tuple[str, ...]] = {
    "gateway_api": ("v1.5.1", "v1.6.1"),
    "inference_extension": ("v1.0.1", "v1.6.0"),
    "envoy_gateway": ("v1.8.1", "v1.8.3", "v1.9.0"),
    "ai_gateway": ("v0.7.0", "v1.0.0", "v1.1.0"),
    "istio": ("1.30.3",),
    "agentgateway": ("v1.4.1",),
    "nginx_gateway_fabric": ("2.6.7",),
    "leader_worker_set": ("v0.8.0", "v0.10.0"),
}
"""Releases of the parts that have to fit: their CRDs and values are known here."""


@dataclass(frozen=True)
class Span:
    """Releases from ``first`` on, up to and with ``last``, whose ``1.8`` covers every 1.8.x."""

    first: str
    last: str | None = None

    def __contains__(self, version: str) -> bool:
        numbers = number(version)
        if numbers < number(self.first):
            return False
        last = number(self.last) if self.last else None
        return last is None or numbers[: len(last)] <= last

    def __str__(self) -> str:
        if self.last is None:
            return f"{self.first} or newer"
        return self.first if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True)
class Compatibility:
    """What the releases of a part need of others.

    Attributes:
        part: The part.
        span: Its releases.
        needs: The releases of other parts that it works with.
        source: Where this is stated.
    """

    part: Part
    span: Span
    needs: Mapping[Part, Span]
    source: str


_AI_GATEWAY = "https://aigateway.envoyproxy.io/docs/compatibility"
_ENVOY_GATEWAY = "https://gateway.envoyproxy.io/news/releases/matrix/"

MATRIX = (
    Compatibility(
        "ai_gateway",
        Span("1.0", "1.1"),
        {
            "envoy_gateway": Span("1.8.1", "1.8"),
            "gateway_api": Span("1.5", "1.5"),
            "inference_extension": Span("1.0"),
            "kubernetes": Span("1.32"),
        },
        # The page has no row for 1.1; its go.mod has Envoy Gateway 1.8.1 and Gateway API 1.5.1.
        _AI_GATEWAY,
    ),
    Compatibility(
        "ai_gateway",
        Span("0.7", "0.7"),
        {
            "envoy_gateway": Span("1.8", "1.8"),
            "gateway_api": Span("1.5", "1.5"),
            "inference_extension": Span("1.0"),
            "kubernetes": Span("1.32"),
        },
        _AI_GATEWAY,
    ),
    Compatibility(
        "envoy_gateway",
        Span("1.9", "1.9"),
        {"gateway_api": Span("1.6.1", "1.6"), "kubernetes": Span("1.33", "1.36")},
        _ENVOY_GATEWAY,
    ),
    Compatibility(
        "envoy_gateway",
        Span("1.8", "1.8"),
        {"gateway_api": Span("1.5.1", "1.5"), "kubernetes": Span("1.32", "1.35")},
        _ENVOY_GATEWAY,
    ),
    Compatibility(
        "istio",
        Span("1.30", "1.30"),
        {
            "gateway_api": Span("1.5.1", "1.5"),
            "inference_extension": Span("1.0"),
            "kubernetes": Span("1.32", "1.36"),
        },
        # The releases of Gateway API and InferencePool are those of its go.mod and of its
        # conformance report.
        "https://istio.io/latest/docs/releases/supported-releases/",
    ),
    Compatibility(
        "agentgateway",
        Span("1.4", "1.4"),
        {"gateway_api": Span("1.5"), "inference_extension": Span("1.0")},
        "https://github.com/agentgateway/agentgateway/blob/v1.4.1/go.mod",
    ),
    Compatibility(
        "nginx_gateway_fabric",
        Span("2.6", "2.6"),
        {
            "gateway_api": Span("1.5.1", "1.5"),
            "inference_extension": Span("1.0"),
            "kubernetes": Span("1.31"),
        },
        "https://github.com/nginx/nginx-gateway-fabric/blob/v2.6.7/CHANGELOG.md",
    ),
    Compatibility(
        "nvidia_dra_driver",
        Span("0.4"),
        # Engines claim devices by resource.k8s.io/v1.
        {"kubernetes": Span("1.34")},
        "https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/",
    ),
)


@dataclass(frozen=True)
class Incompatibility:
    """Why a combination is not a known one.

    Attributes:
        part: The part whose release is wrong.
        message: What is wrong, with the releases that disagree.
        fix: What to take instead.
        by: The part that it does not fit; None where it is wrong by itself.
        contradicts: Whether something states that it does not work. Otherwise it is only not known:
            a release of a known major version.
    """

    part: Part
    message: str
    fix: str
    by: Part | None = None
    contradicts: bool = True


def incompatibilities(
    versions: StackVersions, parts: frozenset[Part], kubernetes: str | None = None
) -> list[Incompatibility]:
    """Why some of a combination's parts do not fit together; none if they do.

    Args:
        versions: The combination.
        parts: The parts that are installed; the releases of others do not matter.
        kubernetes: The cluster's release, where it is known.
    """
    chosen = {part: version for part, version in asdict(versions).items() if part in parts}
    if kubernetes is not None:
        chosen["kubernetes"] = kubernetes
    return [*_malformed(chosen), *_unknown(chosen), *incompatible_releases(chosen)]


def nearest(part: Part, version: str) -> str:
    """The known release that is most like another: of its minor release, else of an older one."""
    known = sorted(KNOWN[part], key=number)
    same_minor = [release for release in known if number(release)[:2] == number(version)[:2]]
    older = [release for release in known if number(release) <= number(version)]
    return (same_minor or older or known[:1])[-1]


_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:[-+].*)?")


def number(version: str) -> tuple[int, ...]:
    """A release's numbers, empty where it has none.

    >>> number("v1.8.3"), number("1.34.1-gke.100"), number("latest")
    ((1, 8, 3), (1, 34, 1), ())
    """
    match = _VERSION.fullmatch(version)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _malformed(chosen: Mapping[Part, str]) -> Iterator[Incompatibility]:
    for part, version in chosen.items():
        if not number(version):
            yield Incompatibility(
                part, f"{version!r} is not a release", "use a release such as v1.8.3"
            )


def _unknown(chosen: Mapping[Part, str]) -> Iterator[Incompatibility]:
    for part, known in KNOWN.items():
        version = chosen.get(part)
        if version is not None and number(version) and not _is_known(version, known):
            releases = ", ".join(known)
            yield Incompatibility(
                part,
                f"{part} {version} is not known; known are {releases}",
                f"use {nearest(part, version)}",
                contradicts=number(version)[0] not in {number(each)[0] for each in known},
            )


def _is_known(version: str, known: tuple[str, ...]) -> bool:
    return number(version) in {number(release) for release in known}


def incompatible_releases(chosen: Mapping[Part, str]) -> Iterator[Incompatibility]:
    """Which releases of some parts are not known to work with each other."""
    for fit in MATRIX:
        mine = chosen.get(fit.part)
        if mine is None or mine not in fit.span:
            continue
        for part, span in fit.needs.items():
            theirs = chosen.get(part)
            if theirs is not None and number(theirs) and theirs not in span:
                yield Incompatibility(
                    part,
                    f"{fit.part} {mine} requires {part} {span}, not {theirs} ({fit.source})",
                    _closest_sets(chosen),
                    fit.part,
                )


def _closest_sets(chosen: Mapping[Part, str]) -> str:
    """The known sets, the one that differs in the fewest releases first."""

    def differences(known: StackVersions) -> int:
        return sum(chosen.get(part, version) != version for part, version in asdict(known).items())

    sets = sorted(STACKS.items(), key=lambda item: differences(item[1]))
    parts = [part for part in KNOWN if part in chosen]
    texts = [
        f"{name} ({', '.join(f'{part} {getattr(known, part)}' for part in parts)})"
        for name, known in sets
    ]
    return f"known to work together: {'; '.join(texts)}"
