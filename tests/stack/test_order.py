"""Every object is taken, one by one, by a server that knows only what came before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cdk8s_inference.stack.delivery import Delivered
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import StackProps
from tests.kit.server import Refused, Server
from tests.stack.tools import DELIVERIES, STACKS, control_plane, releases, target

CASES = [(stack, delivery) for stack in STACKS for delivery in DELIVERIES]


def delivered(stack: str, delivery: str) -> Delivered:
    return DELIVERIES[delivery].deliver(plan(STACKS[stack]))


def files(found: Delivered) -> Iterator[Any]:
    yield from (found.foundation, found.components, found.gateway)


@pytest.mark.parametrize(("stack", "delivery"), CASES)
def test_a_server_takes_each_object_in_file_order(stack: str, delivery: str) -> None:
    plane = control_plane(delivery)
    cluster = Server() if delivery.startswith("crossplane") else plane
    for file in files(delivered(stack, delivery)):
        for manifest in file:
            plane.apply(manifest)
            if cluster is not plane and manifest["kind"] == "Object":
                cluster.apply(target(manifest))
            for release in releases([manifest]):
                assert release.namespace in cluster.namespaces
                if release.name == "envoy-gateway":
                    assert ("inference.networking.k8s.io", "InferencePool") in cluster.kinds
                    assert ("gateway.networking.k8s.io", "Gateway") in cluster.kinds
    assert cluster.objects[-1]["kind"] in ("Gateway", "Usage")


@pytest.mark.parametrize("delivery", ["flux", "argocd", "k3s"])
def test_another_order_is_refused(delivery: str) -> None:
    """The model can say no: the gateway before its CRDs, what is in a namespace before it."""
    found = delivered("default", delivery)
    server = control_plane(delivery)
    with pytest.raises(Refused, match='no matches for kind "EnvoyProxy"'):
        server.apply_all(found.gateway)
    crds = [entry for entry in found.foundation if entry["kind"] != "Namespace"]
    server.apply_all(crds)
    with pytest.raises(Refused, match='namespaces "envoy-gateway-system" not found'):
        server.apply_all(found.gateway)


@pytest.mark.parametrize("stack", STACKS)
def test_foundation_holds_no_custom_resource_and_gateway_no_crd(stack: str) -> None:
    """kubectl looks up all kinds of a file before it applies any of it."""
    found = delivered(stack, "flux")
    assert {entry["kind"] for entry in found.foundation} == {
        "CustomResourceDefinition",
        "Namespace",
    }
    after = [*found.components, *found.gateway]
    assert not [entry for entry in after if entry["kind"] in ("CustomResourceDefinition",)]


@pytest.mark.parametrize("stack", STACKS)
def test_flux_releases_wait_for_those_they_need(stack: str) -> None:
    seen: dict[str, tuple[str, ...]] = {}
    for release in releases(delivered(stack, "flux").components):
        assert set(release.after) <= set(seen), "a release waits for one that never comes"
        seen[release.name] = release.after
    assert seen["envoy-gateway"] == ("ai-gateway",)
    assert seen["ai-gateway"] == ("ai-gateway-crds", "cert-manager")
    assert seen["dra-driver-nvidia-gpu"] == ("node-feature-discovery",)


@pytest.mark.parametrize("stack", STACKS)
def test_argo_waves_follow_the_needs_and_end_before_everything_else(stack: str) -> None:
    found = delivered(stack, "argocd")
    waves = {release.name: release.wave for release in releases(found.components)}
    assert waves["cert-manager"] < waves["ai-gateway"] < waves["envoy-gateway"]
    assert waves["ai-gateway-crds"] < waves["ai-gateway"]
    first = {_wave(entry) for entry in found.foundation}
    last = {_wave(entry) for entry in found.gateway}
    assert max(first) < min(waves.values())
    assert max(waves.values()) < min(last)
    assert max(last) < 0


def _wave(manifest: Any) -> int:
    return int(manifest["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])


@pytest.mark.parametrize("delivery", ["crossplane", "crossplane-v1"])
def test_crossplane_objects_depend_on_their_namespace_and_crd(delivery: str) -> None:
    found = delivered("default", delivery)
    names = {entry["metadata"]["name"] for entry in found.foundation}
    depends = {
        target(entry)["kind"]: [
            reference["dependsOn"]["name"] for reference in entry["spec"]["references"]
        ]
        for entry in found.gateway
        if entry["kind"] == "Object"
    }
    assert depends == {
        "EnvoyProxy": [
            "serving-stack-crd-envoyproxies.gateway.envoyproxy.io",
            "serving-stack-namespace-envoy-gateway-system",
        ],
        "GatewayClass": ["serving-stack-crd-gatewayclasses.gateway.networking.k8s.io"],
        "Gateway": [
            "serving-stack-crd-gateways.gateway.networking.k8s.io",
            "serving-stack-namespace-modelplane-system",
        ],
    }
    assert {name for entries in depends.values() for name in entries} <= names


def test_inference_pools_are_known_before_envoy_gateway_in_the_plan_itself() -> None:
    found = plan(StackProps())
    crds = {
        entry["metadata"]["name"]
        for entry in found.foundation
        if entry["kind"] == "CustomResourceDefinition"
    }
    assert "inferencepools.inference.networking.k8s.io" in crds
    assert "leaderworkersets.leaderworkerset.x-k8s.io" in crds
    (last,) = [stage for stage in found.stages if "envoy-gateway" in [c.name for c in stage]]
    assert last is found.stages[-1]
