"""What each tool makes of the order that it is given, by models of the rules that it documents.

Those that run here do so in ``tests/acceptance/test_delivery_tools.py`` and ``test_argocd.py``. A
model installs charts in steps. A chart whose objects a webhook admits fails until that webhook
answers, which is a few steps after its own chart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from cdk8s_inference import Flux, FluxRepository
from cdk8s_inference.stack.delivery import Delivered
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import StackProps
from tests.kit.synth import validated
from tests.stack.test_delivered import everything
from tests.stack.tools import DELIVERIES, release_of

ADMITTED_BY = {"ai-gateway": "cert-manager"}
"""The charts with objects that the webhook of another chart admits."""

STEPS_UNTIL_READY = 3
STEPS = 200


@dataclass
class Cluster:
    """A cluster, to which charts are given.

    Attributes:
        now: The step.
        installed: The step at which each chart was installed.
        failed: The charts whose installation failed, once for each time.
    """

    now: int = 0
    installed: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def is_ready(self, chart: str) -> bool:
        return self.now >= self.installed.get(chart, STEPS) + STEPS_UNTIL_READY

    def install(self, chart: str) -> bool:
        webhook = ADMITTED_BY.get(chart)
        if webhook is not None and not self.is_ready(webhook):
            self.failed.append(chart)
            return False
        self.installed.setdefault(chart, self.now)
        return True


def names(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    return [release.name for entry in objects if (release := release_of(entry))]


def flux(objects: Sequence[Mapping[str, Any]], cluster: Cluster) -> None:
    """A HelmRelease waits until those that it depends on are Ready, and one that failed is retried.

    https://fluxcd.io/flux/components/helm/helmreleases/
    """
    for entry in objects:
        release = release_of(entry)
        if release is not None and all(map(cluster.is_ready, release.after)):
            cluster.install(release.name)


def argocd(health: bool) -> Any:
    """The next wave starts once all of the one before are healthy.

    Applications are healthy at once, unless a health check is configured.
    https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
    https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#argocd-app
    """

    def sync(objects: Sequence[Mapping[str, Any]], cluster: Cluster) -> None:
        releases = [release for entry in objects if (release := release_of(entry))]
        for wave in sorted({release.wave for release in releases}):
            own = [release.name for release in releases if release.wave == wave]
            for name in own:
                cluster.install(name)
            if health and not all(map(cluster.is_ready, own)):
                return

    return sync


def crossplane(objects: Sequence[Mapping[str, Any]], cluster: Cluster) -> None:
    """A Release whose values are not there is not installed; a deployed one writes its details.

    https://github.com/crossplane-contrib/provider-helm, pkg/controller: composeValuesFromSpec and
    connectionDetails.
    """
    written = set()
    for entry in objects:
        release = release_of(entry)
        reference = entry["spec"].get("writeConnectionSecretToRef")
        if release is not None and reference is not None and cluster.is_ready(release.name):
            written.add(reference["name"])
    for entry in objects:
        release = release_of(entry)
        if release is not None:
            values = entry["spec"]["forProvider"].get("set", ())
            needed = {value["valueFrom"]["secretKeyRef"]["name"] for value in values}
            if needed <= written:
                cluster.install(release.name)


def k3s(objects: Sequence[Mapping[str, Any]], cluster: Cluster) -> None:
    """A job for each HelmChart, all at once, tried again until it succeeds.

    https://docs.k3s.io/add-ons/helm
    """
    for name in names(objects):
        cluster.install(name)


TOOLS: Mapping[str, tuple[str, Any, str]] = {
    "Flux": ("flux", flux, "all"),
    "Argo CD with a health check of Applications": ("argocd", argocd(True), "all"),
    "Argo CD without": ("argocd", argocd(False), "nothing"),
    "Crossplane": ("crossplane", crossplane, "webhooks"),
    "Crossplane v1": ("crossplane-v1", crossplane, "webhooks"),
    "k3s": ("k3s", k3s, "nothing"),
}
"""The tools, and what a chart waits for."""


def objects_of(delivery: str) -> list[dict[str, Any]]:
    return everything(delivered(delivery))


def delivered(delivery: str) -> Delivered:
    return DELIVERIES[delivery].deliver(plan(StackProps()))


@pytest.mark.parametrize(("delivery", "tool", "waits"), TOOLS.values(), ids=TOOLS)
def test_every_chart_is_installed_in_the_end(delivery: str, tool: Any, waits: str) -> None:
    objects = objects_of(delivery)
    cluster = Cluster()
    while not {*names(objects)} <= cluster.installed.keys():
        tool(objects, cluster)
        cluster.now += 1
        assert cluster.now < STEPS
    assert set(cluster.failed) == ({"ai-gateway"} if waits == "nothing" else set())
    done = cluster.installed
    assert done["cert-manager"] + STEPS_UNTIL_READY <= done["ai-gateway"]
    if waits == "all":
        assert done["ai-gateway"] + STEPS_UNTIL_READY <= done["envoy-gateway"]


def test_deployments_wait_for_the_releases() -> None:
    """A Kustomization is ready once its health checks are, and one that depends on it waits.

    https://fluxcd.io/flux/components/kustomize/kustomizations/
    """
    delivered = Flux(repository=FluxRepository("repository")).deliver(plan(StackProps()))
    objects = everything(delivered)
    validated(objects)
    stack, deployments = (each for each in objects if each["kind"] == "Kustomization")
    assert deployments["spec"]["dependsOn"] == [{"name": stack["metadata"]["name"]}]
    assert stack["spec"]["sourceRef"] == {"kind": "GitRepository", "name": "repository"}
    checked = {each["name"] for each in stack["spec"]["healthChecks"]}
    assert checked == {*names(objects)}
    # It would wait for itself.
    assert "wait" not in stack["spec"]


Key = tuple[str, str]
"""Kind and name."""


def key(reference: Mapping[str, Any]) -> Key:
    return reference["kind"], reference["resourceRef"]["name"]


def deletion(objects: Sequence[Mapping[str, Any]]) -> Iterator[Key]:
    """The order in which objects go that are all deleted at once, with their Usages.

    A deletion of what is used is refused, and done once its last Usage is gone. A Usage with the
    label of parts of a composition stays until its user is gone.
    https://docs.crossplane.io/latest/managed-resources/usages/, and Crossplane v2.3's
    internal/controller/protection/usage.
    """
    usages = [entry for entry in objects if entry["kind"] == "Usage"]
    assert all(entry["metadata"]["labels"]["crossplane.io/composite"] for entry in usages)
    assert all(entry["spec"]["replayDeletion"] for entry in usages)
    left = {
        (entry["kind"], entry["metadata"]["name"]) for entry in objects if entry["kind"] != "Usage"
    }
    while left:
        used = {key(each["spec"]["of"]) for each in usages if key(each["spec"]["by"]) in left}
        free = left - used
        assert free, "what is left waits for itself"
        yield from sorted(free)
        left -= free


@pytest.mark.parametrize("delivery", ["crossplane", "crossplane-v1"])
def test_crossplane_deletes_in_order(delivery: str) -> None:
    objects = objects_of(delivery)
    gone = list(deletion(objects))
    assert len(gone) == len(set(gone)) == sum(entry["kind"] != "Usage" for entry in objects)

    def comes_after(kind: str, *parts: str) -> None:
        places = [gone.index((kind, f"serving-stack-{part}")) for part in parts]
        assert places == sorted(places)

    comes_after(
        "Object",
        "gateway-modelplane-system-inference-gateway",
        "gatewayclass-envoy",
        "envoyproxy-envoy-gateway-system-envoy",
        "namespace-envoy-gateway-system",
    )
    comes_after("Release", "envoy-gateway", "ai-gateway", "cert-manager")
    proxy = gone.index(("Object", "serving-stack-envoyproxy-envoy-gateway-system-envoy"))
    assert proxy < gone.index(("Release", "serving-stack-envoy-gateway"))
    for entry in objects:
        release = release_of(entry)
        if release is not None:
            namespace = ("Object", f"serving-stack-namespace-{release.namespace}")
            assert gone.index(("Release", entry["metadata"]["name"])) < gone.index(namespace)


@pytest.mark.parametrize("delivery", ["crossplane", "crossplane-v1"])
def test_crossplane_leaves_crds(delivery: str) -> None:
    """With a CRD all objects of its kind would go."""

    def deletes(policies: Collection[str]) -> bool:
        return not policies or bool({"*", "Delete"} & {*policies})

    for entry in objects_of(delivery):
        if entry["kind"] == "Object":
            kind = entry["spec"]["forProvider"]["manifest"]["kind"]
            policies = entry["spec"].get("managementPolicies", ())
            assert deletes(policies) == (kind != "CustomResourceDefinition")
