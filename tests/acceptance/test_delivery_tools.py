"""What the delivery tools themselves make of a stack, as far as they run here without containers.

Models of the rules of the others are in ``tests/stack/test_semantics.py``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference import Crossplane, Flux, FluxRepository, K3s
from cdk8s_inference.stack.delivery import Delivery
from tests.acceptance import crds, delivery_tools, sources
from tests.acceptance.cluster import Cluster, Object, condition, eventually, namespace
from tests.acceptance.control_plane import api_server, controllers, manager
from tests.acceptance.counts import COUNTS
from tests.acceptance.nodes import nodes
from tests.stack.tools import STACKS, releases

TIMEOUT = 180.0


def composed(delivery: Delivery, folder: Path) -> list[Object]:
    """The objects of a stack, whose files are in a folder."""
    emitted = sources.stack(STACKS["default"], delivery, folder)
    return [item for source in emitted for item in source.objects]


def apply(cluster: Cluster, folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        cluster.kubectl("apply", "--filename", path)


def test_k3s_installs_every_chart(own_control_plane: None, with_crds: None, tmp_path: Path) -> None:
    """All at once: a Job for each HelmChart, with its release, its namespace and its values."""
    objects = composed(K3s(), tmp_path / "dist")
    wanted = {release.name: release for release in releases(objects)}
    with api_server(tmp_path / "server") as cluster:
        crds.install(cluster, tmp_path, lambda group: group == "helm.cattle.io")
        apply(cluster, tmp_path / "dist")
        cluster.create(nodes(1, {"kubernetes.io/os": "linux"}, prefix="plain", gpus=False))
        with controllers(cluster), delivery_tools.k3s(cluster):
            for name in wanted:
                # What docs/serving-stack.md says, for every chart.
                job = f"job/helm-install-{name}"
                eventually(partial(missing, cluster, job, "kube-system"), TIMEOUT)
                wait = ("wait", job, "--namespace=kube-system", "--for=condition=Complete")
                cluster.kubectl(*wait, f"--timeout={TIMEOUT:.0f}s")
            jobs = cluster.get("jobs", namespace="kube-system")
            values = {
                item["metadata"]["name"]: item.get("data", {})
                for item in cluster.get("secrets", namespace="kube-system")
            }
    assert {job["metadata"]["name"] for job in jobs} == {f"helm-install-{name}" for name in wanted}
    for job in jobs:
        container = job["spec"]["template"]["spec"]["containers"][0]
        told = {entry["name"]: entry.get("value", "") for entry in container["env"]}
        release = wanted[told["NAME"]]
        assert told["VERSION"] == release.version
        assert told["TARGET_NAMESPACE"] == release.namespace
        assert told["CHART"].endswith(release.chart)
        # As often as it takes, for charts whose webhook is late.
        assert job["spec"]["backoffLimit"] >= 100
        if release.values:
            text = values[f"chart-values-{release.name}"]["HelmChartValuesContent"]
            assert yaml.safe_load(base64.b64decode(text)) == release.values
    COUNTS["HelmCharts that k3s made Jobs of"] += len(jobs)


def missing(cluster: Cluster, name: str, namespace: str) -> list[str]:
    answer = cluster.try_("get", name, f"--namespace={namespace}")
    return [] if answer.code == 0 else [answer.error]


def plural(item: Object) -> str:
    """The name of an object's kind, with its group."""
    return f"{item['kind'].lower()}s.{item['apiVersion'].partition('/')[0]}"


Key = tuple[str, str]
"""Kind and name of an object that is in the control plane for one of the stack."""


def pairs(objects: Sequence[Object]) -> Iterator[tuple[Key, Key]]:
    """What is used, and by what."""
    for entry in objects:
        if entry["kind"] == "Usage":
            yield reference(entry["spec"]["of"]), reference(entry["spec"]["by"])


def reference(of: Mapping[str, Any]) -> Key:
    return of["kind"], of["resourceRef"]["name"]


@pytest.mark.parametrize("place", ["crossplane-system", None], ids=["v2", "v1"])
def test_crossplane_deletes_in_order(
    place: str | None, own_control_plane: None, with_crds: None, tmp_path: Path
) -> None:
    """All is deleted at once: nothing goes before what uses it, and in the end all is gone."""
    objects = composed(Crossplane(namespace=place), tmp_path / "dist")
    kinds = sorted({plural(item) for item in objects})
    used_by = list(pairs(objects))
    assert used_by
    with api_server(tmp_path / "server") as cluster:
        cluster.kubectl("create", "--filename", delivery_tools.crossplane_crds())
        groups = ("helm.crossplane.io", "kubernetes.crossplane.io", "m.crossplane.io")
        crds.install(cluster, tmp_path, lambda group: group.endswith(groups))
        cluster.create([namespace("crossplane-system")])
        with manager(cluster), delivery_tools.crossplane(cluster):
            for path in sorted((tmp_path / "dist").iterdir()):
                # Crossplane 2 warns of the kind of Crossplane 1.
                assert cluster.try_("apply", "--filename", path).code == 0
            eventually(lambda: not_available(cluster, kinds), TIMEOUT)
            refused = cluster.try_("delete", "--filename", tmp_path / "dist", "--wait=false")
            assert "in-use" in refused.error

            left = {(item["kind"], item["metadata"]["name"]) for item in objects}

            def still() -> list[str]:
                nonlocal left
                # What was there before: kinds are listed one after the other.
                before = left
                left = {(item["kind"], item["metadata"]["name"]) for item in listed(cluster, kinds)}
                early = [(of, by) for of, by in used_by if by in left and of not in before]
                assert not early, f"gone before what uses it: {early}"
                return [" ".join(each) for each in sorted(left)]

            eventually(still, TIMEOUT)
    COUNTS["Usages by which Crossplane deleted in order"] += len(used_by)


def listed(cluster: Cluster, kinds: Sequence[str]) -> list[Any]:
    answer = cluster.try_("get", ",".join(kinds), "--all-namespaces", "--output=json")
    assert answer.code == 0, answer.error
    items: list[Any] = json.loads(answer.out)["items"]
    return items


def not_available(cluster: Cluster, kinds: Sequence[str]) -> list[str]:
    return [
        item["metadata"]["name"]
        for item in listed(cluster, kinds)
        if item["kind"] == "Usage" and not condition(item, "Ready")
    ]


def not_ready(cluster: Cluster, *kinds: str) -> list[str]:
    return [
        item["metadata"]["name"] for item in cluster.get(*kinds) if not condition(item, "Ready")
    ]


def test_flux_applies_deployments_once_the_stack_is_ready(
    own_control_plane: None, with_crds: None, tmp_path: Path
) -> None:
    """kustomize-controller applies the stack from its folder, and waits for its HelmReleases."""
    flux = Flux(repository=FluxRepository("fleet"))
    objects = composed(flux, tmp_path / "dist")
    releases = [item for item in objects if item["kind"] == "HelmRelease"]
    deployment = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "deployment", "namespace": "default"},
    }
    files = {f"stack/{path.name}": path.read_text() for path in (tmp_path / "dist").iterdir()}
    files["deployments/deployment.yaml"] = yaml.safe_dump(deployment)
    repository: dict[str, Any] = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "fleet", "namespace": "flux-system"},
        "spec": {"interval": "1h", "url": "https://example.com/fleet.git"},
    }
    with (
        api_server(tmp_path / "server") as cluster,
        delivery_tools.artifact(tmp_path / "artifact", files) as status,
    ):
        crds.install(cluster, tmp_path, lambda group: group.endswith("toolkit.fluxcd.io"))
        cluster.create([namespace("flux-system"), repository])
        cluster.set_status(repository, status)
        # As docs/serving-stack.md says: the stack's files are applied once.
        apply(cluster, tmp_path / "dist")
        with delivery_tools.kustomize_controller(cluster):
            deployed = ("configmap/deployment", "default")
            stack = ("get", "kustomizations", "--namespace=flux-system")
            eventually(lambda: waiting(cluster, "dependency"), TIMEOUT)
            applied = cluster.get("helmreleases", namespace="flux-system")
            assert len(applied) == len(releases)
            for release in applied:
                assert missing(cluster, *deployed), cluster.kubectl(*stack)
                generation = release["metadata"]["generation"]
                cluster.set_status(release, delivery_tools.ready(generation))
            eventually(lambda: missing(cluster, *deployed), TIMEOUT)
            eventually(lambda: not_ready(cluster, "Kustomization"), TIMEOUT)
    COUNTS["HelmReleases that Flux waited for before deployments"] += len(releases)


def waiting(cluster: Cluster, reason: str) -> list[str]:
    """What Kustomizations say, until the deployments' one waits and the stack's checks health."""
    messages = {
        item["metadata"]["name"]: str(item.get("status", {}).get("conditions", ""))
        for item in cluster.get("kustomizations", namespace="flux-system")
    }
    waits = reason in messages.get("model-deployments", "")
    checks = "health check" in messages.get("serving-stack", "")
    return [] if waits and checks else [f"{name}: {said}" for name, said in messages.items()]
