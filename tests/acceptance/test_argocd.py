"""What Argo CD makes of a stack: its application controller and its repo-server, with Helm.

The charts are stand-ins, at the addresses that the Applications name. No kubelet runs: a chart's
Deployment is available once the test says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from cdk8s_inference import ArgoCD
from tests.acceptance import argocd, charts
from tests.acceptance.cluster import Cluster, Object, eventually
from tests.acceptance.control_plane import api_server
from tests.acceptance.counts import COUNTS
from tests.acceptance.host import network
from tests.acceptance.sources import ROOT
from tests.acceptance.test_delivery_tools import composed, missing
from tests.stack.tools import Release, releases

TIMEOUT = 420.0
STACK = "stack"
GATEWAY = "gateway.networking.k8s.io/Gateway"
APPLICATION = "argoproj.io/Application"
DEPLOYMENT = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "deployment", "namespace": "default"},
}
"""What stands for the deployments beside the stack: an object without a wave."""


def condition(type: str, status: str, reason: str) -> Object:
    changed = "2026-01-01T00:00:00Z"
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": "",
        "lastTransitionTime": changed,
    }


PROGRAMMED = {"conditions": [condition(each, "True", each) for each in ("Accepted", "Programmed")]}
"""The status of a Gateway that serves."""

AVAILABLE = {
    "conditions": [],
    **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1),
}
"""The status of a Deployment whose pod runs."""

LATE = {"conditions": [condition("Progressing", "False", "ProgressDeadlineExceeded")]}
"""The status of a Deployment whose pod has not run for ten minutes."""


def health_check() -> Mapping[str, str]:
    """What docs/serving-stack.md tells to add to ``argocd-cm``."""
    page = (ROOT / "docs" / "serving-stack.md").read_text()
    (text,) = re.findall(r"```yaml\n(data:\n.*?)```", page, re.DOTALL)
    data: Mapping[str, str] = yaml.safe_load(text)["data"]
    return data


@contextmanager
def syncing(
    objects: Sequence[Object], folder: Path, settings: Mapping[str, str]
) -> Iterator[Cluster]:
    """A cluster whose Argo CD is given the files of a stack, with a deployment beside them."""
    for item in objects:
        if item["kind"] == "Application":
            source = item["spec"]["source"]
            where = (source["repoURL"], source["chart"], source["targetRevision"])
            charts.publish(folder / "charts", *where)
    (folder / "dist" / "deployment.yaml").write_text(yaml.safe_dump(DEPLOYMENT))
    repository = argocd.repository(folder / "repository", folder / "dist")
    with (
        network(folder) as net,
        api_server(folder / "server", host=net.host("cluster")) as cluster,
        argocd.argocd(cluster, folder / "charts", settings),
    ):
        cluster.create([argocd.parent(STACK, repository)])
        yield cluster


def waves(found: Iterable[Release]) -> list[list[Release]]:
    def wave(release: Release) -> int:
        return release.wave

    return [list(each) for _, each in groupby(sorted(found, key=wave), wave)]


def applications(cluster: Cluster) -> dict[str, Any]:
    """All Applications by name."""
    found = cluster.get("applications.argoproj.io", namespace=argocd.NAMESPACE)
    return {item["metadata"]["name"]: item for item in found}


def not_saying(cluster: Cluster, expected: str) -> list[str]:
    """What the sync of the stack says, unless it is something that is expected."""
    state = applications(cluster)[STACK].get("status", {}).get("operationState", {})
    said = f"{state.get('phase')}: {state.get('message')}"
    return [] if re.fullmatch(expected, said) else [said]


def not_waiting(cluster: Cluster, kind: str, name: str) -> list[str]:
    """What the sync of the stack says, unless it waits for one object and no other."""
    return not_saying(cluster, re.escape(f"Running: waiting for healthy state of {kind}/{name}"))


def absent(cluster: Cluster, wanted: Iterable[Release]) -> list[str]:
    """Which charts have no Deployment, and what is said of them."""
    there = applications(cluster)
    return [
        f"{each.name}: {json.dumps(there.get(each.name, {}).get('status', {}))[:1000]}"
        for each in wanted
        if missing(cluster, f"deployment/{each.name}", each.namespace)
    ]


def unlike(cluster: Cluster, names: Iterable[str], health: str) -> list[str]:
    """Which Applications are not as the repository says, or of another health, or complain."""
    there = applications(cluster)
    statuses = {name: there[name].get("status", {}) for name in names}
    return [
        f"{name}: {json.dumps(status)[:1000]}"
        for name, status in statuses.items()
        if status.get("sync", {}).get("status") != "Synced"
        or status.get("health", {}).get("status") != health
        or status.get("conditions")
    ]


def deployed(cluster: Cluster, release: Release, status: Object) -> None:
    """Says of a chart's Deployment what its controller would."""
    where = (f"deployment/{release.name}", f"--namespace={release.namespace}")
    (deployment,) = cluster.listed(*where)
    generation = deployment["metadata"]["generation"]
    cluster.set_status(deployment, {"observedGeneration": generation, **status})


def with_available(
    cluster: Cluster, running: Iterable[Release], still: Callable[[], list[str]]
) -> list[str]:
    """What is still missing, after saying of some charts' Deployments that they are available.

    As their controller would, again after each change of them.
    """
    for release in running:
        deployed(cluster, release, AVAILABLE)
    return still()


def told(cluster: Cluster, release: Release) -> tuple[str, Any]:
    """What Helm was told of a chart: its name and version, and the values."""
    (found,) = cluster.listed(f"configmap/{release.name}", f"--namespace={release.namespace}")
    return found["data"]["chart"], json.loads(found["data"]["values"])


def test_waves_wait(own_control_plane: None, tmp_path: Path) -> None:
    """With the health check: a wave comes once all of the one before is healthy."""
    objects = composed(ArgoCD(), tmp_path / "dist")
    gateway = next(item for item in objects if item["kind"] == "Gateway")
    wanted = list(releases(objects))
    come = {STACK}
    running: list[Release] = []
    with syncing(objects, tmp_path, health_check()) as cluster:
        soon = partial(with_available, cluster, running)
        for own in waves(wanted):
            eventually(partial(soon, partial(absent, cluster, own)), TIMEOUT)
            last, *others = own
            running += others
            waits = partial(not_waiting, cluster, APPLICATION, last.name)
            eventually(partial(soon, waits), TIMEOUT)
            come |= {release.name for release in own}
            assert applications(cluster).keys() == come
            running.append(last)
        # By a check that Argo CD has of its own.
        name = gateway["metadata"]["name"]
        eventually(partial(soon, partial(not_waiting, cluster, GATEWAY, name)), TIMEOUT)
        deployment = partial(missing, cluster, "configmap/deployment", "default")
        assert deployment()
        cluster.set_status(gateway, PROGRAMMED)
        eventually(deployment, TIMEOUT)
        eventually(partial(unlike, cluster, come, "Healthy"), TIMEOUT)
        for release in wanted:
            assert told(cluster, release) == (f"{release.chart} {release.version}", release.values)
            no_crd = missing(cluster, f"crd/{charts.crd(release.chart)}", "default")
            assert release.own_crds == (not no_crd)
        # What somebody deletes comes back.
        lost = (f"configmap/{last.name}", last.namespace)
        cluster.kubectl("delete", lost[0], f"--namespace={lost[1]}")
        eventually(partial(missing, cluster, *lost), TIMEOUT)
    COUNTS["Applications that Argo CD waited for before the next wave"] += len(wanted)


def test_no_wave_waits(own_control_plane: None, tmp_path: Path) -> None:
    """Without the health check: all charts and the gateway come while nothing is healthy."""
    objects = composed(ArgoCD(), tmp_path / "dist")
    gateway = next(item for item in objects if item["kind"] == "Gateway")
    wanted = list(releases(objects))
    with syncing(objects, tmp_path, {}) as cluster:
        name = gateway["metadata"]["name"]
        eventually(partial(not_waiting, cluster, GATEWAY, name), TIMEOUT)
        names = [release.name for release in wanted]
        eventually(partial(unlike, cluster, names, "Progressing"), TIMEOUT)
    COUNTS["Applications that Argo CD did not wait for, without a health check"] += len(wanted)


def test_a_late_chart(own_control_plane: None, tmp_path: Path) -> None:
    """A chart that is Degraded fails the sync, which goes on with a retry once the chart runs."""
    objects = composed(ArgoCD(), tmp_path / "dist")
    first, second, *_ = waves(releases(objects))
    late, *others = first
    with syncing(objects, tmp_path, health_check()) as cluster:
        eventually(partial(absent, cluster, first), TIMEOUT)

        def not_failing() -> list[str]:
            deployed(cluster, late, LATE)
            failed = r"Running: one or more .* unsuccessfully.* Retrying attempt #\d+ at .*"
            return not_saying(cluster, failed)

        eventually(partial(with_available, cluster, others, not_failing), TIMEOUT)
        assert len(absent(cluster, second)) == len(second)
        come = partial(absent, cluster, second)
        eventually(partial(with_available, cluster, first, come), TIMEOUT)


def test_a_chart_that_is_not_there(own_control_plane: None, tmp_path: Path) -> None:
    """An Application without its chart is Healthy to Argo CD, having no objects; its wave waits."""
    objects = composed(ArgoCD(), tmp_path / "dist")
    first, second, *_ = waves(releases(objects))
    late, *others = first
    index = tmp_path / "charts" / "charts.jetstack.io" / "index.yaml"
    away = index.with_name("away.yaml")
    assert late.name == "cert-manager"
    with syncing(objects, tmp_path, health_check()) as cluster:
        # Its wave is still to come: that of CRDs and namespaces takes seconds.
        index.rename(away)
        waits = partial(not_waiting, cluster, APPLICATION, late.name)
        eventually(partial(absent, cluster, others), TIMEOUT)
        eventually(partial(with_available, cluster, others, waits), TIMEOUT)
        status = applications(cluster)[late.name]["status"]
        assert (status["sync"]["status"], status["health"]["status"]) == ("Unknown", "Healthy")
        away.rename(index)
        eventually(partial(absent, cluster, [late]), TIMEOUT)
        come = partial(absent, cluster, second)
        eventually(partial(with_available, cluster, first, come), TIMEOUT)
