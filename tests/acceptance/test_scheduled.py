"""Controllers and scheduler make the pods that we meant of our manifests, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import pytest

from cdk8s_inference import App, DeviceRequest, Engine, Member, ModelDeployment
from cdk8s_inference.picker_config import DisaggregatedConfig
from tests.acceptance import sources
from tests.acceptance.cluster import Cluster, Object, eventually
from tests.acceptance.conftest import Namespaces
from tests.acceptance.control_plane import api_server, controllers
from tests.acceptance.counts import COUNTS
from tests.acceptance.nodes import nodes_for
from tests.acceptance.sources import ROOT, Source
from tests.acceptance.volumes import volumes_for
from tests.acceptance.workloads import Workload, unsettled, workloads

MINUTES = 60.0
MEMORY = 'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("70Gi")) >= 0'
OLD, NEW = "example.com/engine:1", "example.com/engine:2"
FRESH_NAMESPACE = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}


def engine(name: str, *, gang: bool, phase: str = "", image: str = OLD, copies: int = 1) -> Engine:
    """An engine of one pod, or a gang of three."""
    port = 8001 if phase == "Decode" else 8000

    def member(role: str) -> Member:
        return Member.of(
            role,  # type: ignore[arg-type]
            image=image,
            command=["serve"],
            args=[f"--port={port}"],
            devices=[DeviceRequest.of("gpu", MEMORY, count=8)],
            nodes=2 if role == "Worker" else None,
        )

    roles = ("Leader", "Worker") if gang else ("Standalone",)
    return Engine(
        name=name,
        phase=phase or None,  # type: ignore[arg-type]
        copies=copies,
        members=[member(role) for role in roles],
    )


def composed(name: str, namespace: str, engines: Sequence[Engine], replicas: int = 1) -> Source:
    disaggregated = all(engine.phase for engine in engines)
    chart = ModelDeployment(
        App(),
        "it",
        name=name,
        namespace=namespace,
        engines=engines,
        replicas=replicas,
        serving_mode="PrefillDecode" if disaggregated else "Unified",
        model_cache="weights",
    )
    return Source(f"{namespace} {name}", chart.to_json())


def disaggregated(*, decode_image: str = OLD, copies: int = 1) -> Source:
    """Two replicas of a gang that prefills and a pod that decodes: what the changes are made to."""
    engines = [
        engine("prefill", gang=True, phase="Prefill", copies=copies),
        engine("decode", gang=False, phase="Decode", image=decode_image, copies=copies),
    ]
    return composed("changing", "changing", engines, replicas=2)


def longest() -> Iterator[Source]:
    """Deployments whose every name is as long as a document may have it."""
    namespace, name = "n" * 63, "d" * 63
    for gang in (True, False):
        mark = "g" if gang else "s"
        pair = [
            engine(mark * 59 + "-pre", gang=gang, phase="Prefill"),
            engine(mark * 59 + "-dec", gang=gang, phase="Decode"),
        ]
        yield composed(f"{name[:-2]}{mark}p", namespace, pair)
        yield composed(f"{name[:-2]}{mark}u", namespace, [engine(mark * 63, gang=gang)])


@pytest.fixture(scope="module")
def emitted(with_crds: None, tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    scratch = tmp_path_factory.mktemp("emitted")
    documents = (*sources.documents("service"), *sources.documents("picker"))
    found = [*sources.app(ROOT / "main.py", scratch), *documents, *longest(), disaggregated()]
    return [source for source in found if workloads(source.objects)]


@pytest.fixture(scope="module")
def cluster(
    own_control_plane: None,
    emitted: list[Source],
    seed: Path,
    make_namespaces: Namespaces,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """A cluster that runs everything that we emit."""
    folder = tmp_path_factory.mktemp("cluster")
    objects = [item for source in emitted for item in source.objects]
    with api_server(folder, seed) as made, controllers(made):
        make_namespaces(made, {item["metadata"]["namespace"] for item in objects})
        for own in (nodes_for(objects), volumes_for(objects)):
            made.create(own)
        for source in emitted:
            source.write(folder / "dist")
        made.kubectl("apply", "--filename", folder / "dist")
        yield made


def settle(cluster: Cluster, wanted: Sequence[Workload]) -> None:
    eventually(lambda: unsettled(cluster, wanted), timeout=4 * MINUTES, every=1)


@pytest.fixture
def changing(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Source], set[str]]]:
    """Applies a change to one deployment, and says which objects it changed or created."""

    def apply(source: Source) -> set[str]:
        file = source.write(tmp_path_factory.mktemp("change"))
        before = contents(cluster, file)
        cluster.kubectl("apply", "--filename", file)
        settle(cluster, workloads(source.objects))
        after = contents(cluster, file)
        return {name for name in after if after[name] != before.get(name)}

    settle(cluster, workloads(disaggregated().objects))
    yield apply
    apply(disaggregated())


def test_everything_runs(cluster: Cluster, emitted: list[Source]) -> None:
    wanted = workloads(chain.from_iterable(source.objects for source in emitted))
    settle(cluster, wanted)
    COUNTS["pods Ready"] += sum(workload.images.total() for workload in wanted)
    COUNTS["claims allocated"] += sum(workload.claims for workload in wanted)
    COUNTS["LeaderWorkerSets Available"] += sum(
        workload.kind == "LeaderWorkerSet" for workload in wanted
    )


def test_a_budget_counts_the_pods_of_its_phase(
    cluster: Cluster, changing: Callable[[Source], set[str]]
) -> None:
    """Also those of gangs, which are of StatefulSets; no eviction meets two budgets."""
    del changing
    wanted = {"changing-prefill": (6, 5, 1), "changing-decode": (2, 1, 1)}

    def counted() -> list[str]:
        found = {
            each["metadata"]["name"]: tuple(
                each.get("status", {}).get(key)
                for key in ("currentHealthy", "desiredHealthy", "disruptionsAllowed")
            )
            for each in cluster.get("poddisruptionbudgets", namespace="changing")
        }
        return [] if found == wanted else [str(found)]

    eventually(counted, timeout=MINUTES)
    evicted = 0
    for name in (each["metadata"]["name"] for each in cluster.get("pods", namespace="changing")):
        path = f"/api/v1/namespaces/changing/pods/{name}"
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": "changing"},
            "deleteOptions": {"dryRun": ["All"]},
        }
        answer = cluster.try_(
            "create", f"--raw={path}/eviction", "--filename=-", given=json.dumps(eviction)
        )
        assert answer.code == 0, answer.error
        evicted += 1
    assert evicted >= 8


def test_an_image_change_rolls_its_engine_alone(
    cluster: Cluster, changing: Callable[[Source], set[str]]
) -> None:
    before = pods(cluster)
    changed = changing(disaggregated(decode_image=NEW))
    assert changed == {
        "Deployment/changing-0-decode",
        "Deployment/changing-1-decode",
    }
    assert kept(before, pods(cluster)) == {
        "changing-epp",
        *(f"changing-{replica}-{part}" for replica in (0, 1) for part in ("prefill", "epp")),
    }


def test_a_config_change_rolls_the_picker_alone(
    cluster: Cluster, changing: Callable[[Source], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pods(cluster)
    other = DisaggregatedConfig.always()
    with monkeypatch.context() as patch:
        patch.setattr(DisaggregatedConfig, "prefix_aware", lambda **_: other)
        changed = changing(disaggregated())
    assert changed == {
        f"{kind}/{name}-epp"
        for name in ("changing-0", "changing-1", "changing")
        for kind in ("ConfigMap", "Deployment")
    }
    assert kept(before, pods(cluster)) == {
        f"changing-{replica}-{part}" for replica in (0, 1) for part in ("prefill", "decode")
    }


def test_scaling_by_the_document(cluster: Cluster, changing: Callable[[Source], set[str]]) -> None:
    before = pods(cluster)
    changed = changing(disaggregated(copies=2))
    assert changed == {
        f"{workload}/changing-{replica}-{part}"
        for replica in (0, 1)
        for workload, part in (("LeaderWorkerSet", "prefill"), ("Deployment", "decode"))
    }
    assert before.items() < pods(cluster).items()
    changing(disaggregated())
    assert before.keys() == pods(cluster).keys()


def test_scaling_by_kubectl(cluster: Cluster, changing: Callable[[Source], set[str]]) -> None:
    for workload in ("leaderworkerset/changing-0-prefill", "deployment/changing-0-decode"):
        cluster.kubectl("scale", "--namespace=changing", workload, "--replicas=2")
    scaled, rest = disaggregated(copies=2).objects, disaggregated().objects
    first = [each for each in workloads(scaled) if each.name.startswith("changing-0-")]
    second = [each for each in workloads(rest) if each.name.startswith("changing-1-")]
    settle(cluster, [*first, *second])


def test_deletion_leaves_nothing_behind(
    cluster: Cluster, make_namespaces: Namespaces, tmp_path: Path
) -> None:
    """With all kinds of workload in one namespace, of which nothing is left but the namespace."""
    engines = [
        engine("prefill", gang=True, phase="Prefill"),
        engine("decode", gang=False, phase="Decode"),
    ]
    source = composed("leaving", "leaving", engines)
    make_namespaces(cluster, ["leaving"])
    cluster.create(volumes_for(source.objects))
    eventually(lambda: listed(FRESH_NAMESPACE - left(cluster)), timeout=MINUTES)
    fresh = left(cluster)
    file = source.write(tmp_path)
    cluster.kubectl("apply", "--filename", file)
    settle(cluster, workloads(source.objects))
    cluster.kubectl("delete", "--filename", file)
    eventually(lambda: listed(left(cluster) - fresh), timeout=2 * MINUTES)
    assert left(cluster) == fresh


def contents(cluster: Cluster, file: Path) -> dict[str, Object]:
    """What the objects of a file say, by kind and name."""
    return {
        f"{item['kind']}/{item['metadata']['name']}": {
            **{key: value for key, value in item.items() if key != "status"},
            "metadata": item["metadata"].get("labels"),
        }
        for item in cluster.listed("--ignore-not-found", "--filename", file)
    }


def pods(cluster: Cluster) -> dict[str, str]:
    """The pods of the deployment that changes: their workload by their unique id."""
    wanted = workloads(disaggregated().objects)
    return {
        pod["metadata"]["uid"]: workload.name
        for pod in cluster.get("pods", namespace="changing")
        for workload in wanted
        if workload.owns(pod)
    }


def kept(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The workloads all of whose pods stayed; of the others none may have."""
    names = set(before.values())
    stayed = {before[uid] for uid in before.keys() & after.keys()}
    replaced = {before[uid] for uid in before.keys() - after.keys()}
    assert not stayed & replaced
    return names - replaced


def listed(objects: set[tuple[str, str]]) -> list[str]:
    return sorted(f"{kind} {name}" for kind, name in objects)


def left(cluster: Cluster) -> set[tuple[str, str]]:
    """All that is in the namespace, but for events and what Endpoints repeat of EndpointSlices."""
    aside = ("endpoints", "events", "events.events.k8s.io")
    kinds = [kind for kind in cluster.namespaced_kinds() if kind not in aside]
    found: list[Object] = cluster.get(*kinds, namespace="leaving")
    return {(item["kind"], item["metadata"]["name"]) for item in found}
