"""What diff says about restarts is what the controllers do: pods are counted before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference import App, DeviceRequest, Engine, Member, ModelDeployment, Platform, Rollout
from cdk8s_inference.diff import Comparison, WorkloadChange, compared
from cdk8s_inference.releases import ROUTER_RELEASES
from cdk8s_inference.source import read
from cdk8s_inference.topology import Topology, read_topology
from tests.acceptance.cluster import Cluster, Object, eventually, key
from tests.acceptance.conftest import Namespaces
from tests.acceptance.control_plane import api_server, controllers
from tests.acceptance.counts import COUNTS
from tests.acceptance.nodes import nodes_for
from tests.acceptance.sources import Source
from tests.acceptance.workloads import unsettled, workloads

MINUTES = 60.0
OLD, NEW = "example.com/engine:1", "example.com/engine:2"
HOPPER = 'device.attributes["gpu.nvidia.com"].architecture == "Hopper"'
GPU = DeviceRequest.of("gpu", HOPPER, count=8)
OLDER, NEWEST = ROUTER_RELEASES[-2:]

NAMES = (
    "image",
    "recreate",
    "copies",
    "both",
    "router",
    "gang-image",
    "gang-size",
    "gang-copies",
    "mode",
    "mode-back",
    "renamed",
)

Uids = Mapping[str, frozenset[str]]
"""The unique ids of pods by their workload, as diff names it."""


def engine(
    name: str,
    phase: str | None = None,
    *,
    image: str = OLD,
    copies: int = 2,
    gang: int = 1,
    rollout: Rollout | None = None,
) -> Engine:
    """An engine of single pods, or of gangs."""
    port = 8001 if phase == "Decode" else 8000

    def member(role: str, nodes: int | None = None) -> Member:
        return Member.of(
            role,  # type: ignore[arg-type]
            image=image,
            command=["serve"],
            args=[f"--port={port}"],
            devices=[GPU],
            nodes=nodes,
        )

    members = [member("Standalone")]
    if gang > 1:
        members = [member("Leader"), member("Worker", gang - 1)]
    return Engine(name=name, phase=phase, copies=copies, members=members, rollout=rollout)  # type: ignore[arg-type]


def composed(
    name: str, *engines: Engine, release: Any = NEWEST, called: str | None = None
) -> list[Object]:
    """What a deployment in a namespace of its own is composed to."""
    apart = all(each.phase for each in engines)
    chart = ModelDeployment(
        App(),
        "it",
        name=called or name,
        namespace=name,
        engines=engines,
        serving_mode="PrefillDecode" if apart else "Unified",
        platform=Platform(router=release),
    )
    found: list[Object] = chart.to_json()
    return found


def pair(**changed: Any) -> tuple[Engine, Engine]:
    return engine("prefill", "Prefill"), engine("decode", "Decode", **changed)


def changes() -> dict[str, tuple[list[Object], list[Object]]]:
    """Manifests before and after, by a name."""
    gangs: Any = {"gang": 2, "copies": 2}
    return {
        "image": (composed("image", *pair()), composed("image", *pair(image=NEW))),
        "recreate": (
            composed("recreate", *pair()),
            composed("recreate", *pair(image=NEW, rollout=Rollout(strategy="Recreate"))),
        ),
        "copies": (composed("copies", *pair()), composed("copies", *pair(copies=1))),
        "both": (composed("both", *pair()), composed("both", *pair(image=NEW, copies=3))),
        "router": (
            composed("router", *pair(), release=OLDER),
            composed("router", *pair(), release=NEWEST),
        ),
        "gang-image": (
            composed("gang-image", engine("only", **gangs)),
            composed("gang-image", engine("only", image=NEW, **gangs)),
        ),
        "gang-size": (
            composed("gang-size", engine("only", **gangs)),
            composed("gang-size", engine("only", gang=3)),
        ),
        "gang-copies": (
            composed("gang-copies", engine("only", **gangs)),
            composed("gang-copies", engine("only", gang=2, copies=3)),
        ),
        "mode": (composed("mode", engine("only")), composed("mode", *pair())),
        "mode-back": (composed("mode-back", *pair()), composed("mode-back", engine("only"))),
        "renamed": (
            composed("renamed", *pair()),
            composed("renamed", *pair(), called="another"),
        ),
    }


@dataclass(frozen=True)
class Seen:
    """What diff says of a change, and the pods before and after it."""

    said: Comparison
    before: Uids
    after: Uids


@pytest.fixture(scope="module")
def cluster(
    own_control_plane: None,
    seed: Path,
    make_namespaces: Namespaces,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with api_server(folder, seed) as made, controllers(made):
        yield made


@pytest.fixture(scope="module")
def seen(
    cluster: Cluster, make_namespaces: Namespaces, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Seen]:
    """Every change, applied at once with all others."""
    found = changes()
    make_namespaces(cluster, found)
    cluster.create(nodes_for([*chain.from_iterable(new for _, new in found.values())]))
    folder = tmp_path_factory.mktemp("changes")
    for name, (old, _) in found.items():
        cluster.kubectl("apply", "--filename", Source(f"{name} old", old).write(folder))
    settle(cluster, [*chain.from_iterable(old for old, _ in found.values())])
    before = {name: uids(cluster, old) for name, (old, _) in found.items()}
    for name, (old, new) in found.items():
        left = {key(each) for each in new}
        for each in old:
            if key(each) not in left:
                namespace, called = each["metadata"]["namespace"], each["metadata"]["name"]
                cluster.kubectl("delete", each["kind"], called, f"--namespace={namespace}")
        cluster.kubectl("apply", "--filename", Source(f"{name} new", new).write(folder))
    settle(cluster, [*chain.from_iterable(new for _, new in found.values())])
    return {
        name: Seen(
            compared(topology(old), topology(new)), before[name], uids(cluster, [*old, *new])
        )
        for name, (old, new) in found.items()
    }


def foretold(change: WorkloadChange) -> Iterator[tuple[str, tuple[int | None, int, int]]]:
    """How many pods restart, start and stop: of one with another name, under either."""
    if change.renamed_from is None:
        yield change.name, (change.restarts, change.starts, change.stops)
        return
    assert change.old is not None
    assert change.new is not None
    yield change.name, (0, change.new.pods or 0, 0)
    yield change.renamed_from, (0, 0, change.old.pods or 0)


@pytest.mark.parametrize("name", NAMES)
def test_restarts(seen: dict[str, Seen], name: str) -> None:
    found = seen[name]
    said = dict(chain.from_iterable(map(foretold, found.said.workloads)))
    happened = {}
    for workload in {*found.before, *found.after}:
        old, new = (each.get(workload, frozenset()) for each in (found.before, found.after))
        gone, made = len(old - new), len(new - old)
        restarted = min(gone, made)
        if gone or made:
            happened[workload] = (restarted, made - restarted, gone - restarted)
    assert said == happened
    assert found.said.restarts == any(old or stopped for old, _, stopped in happened.values())
    COUNTS["pods whose restart was foretold"] += sum(old for old, _, _ in happened.values())


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ResourceClaimTemplate", "spec.spec.devices.requests", "count"),
        ("Deployment", "spec.selector.matchLabels", "selector"),
    ],
)
def test_refused(
    cluster: Cluster, seen: dict[str, Seen], kind: str, path: str, value: str, tmp_path: Path
) -> None:
    old, new = composed("image", *pair(image=NEW)), composed("image", *pair(image=NEW))
    target: Any = next(each for each in new if each["kind"] == kind)
    if value == "count":
        target["spec"]["spec"]["devices"]["requests"][0]["exactly"]["count"] = 4
    else:
        target["spec"]["selector"]["matchLabels"]["more"] = "yes"
        target["spec"]["template"]["metadata"]["labels"]["more"] = "yes"
    said = compared(topology(old), topology(new))
    (refusal,) = said.refused
    assert refusal.object.startswith(kind)
    assert str(refusal.change).startswith(path)
    answer = cluster.try_("apply", "--filename", Source("refused", new).write(tmp_path))
    assert answer.code != 0
    assert "immutable" in answer.error
    # What is applied beside it changes nothing, so that no pod is another.
    assert uids(cluster, old) == {name: each for name, each in seen["image"].after.items() if each}


def settle(cluster: Cluster, objects: Sequence[Object]) -> None:
    eventually(lambda: unsettled(cluster, workloads(objects)), timeout=5 * MINUTES, every=2)


def uids(cluster: Cluster, objects: Sequence[Object]) -> Uids:
    found: dict[str, frozenset[str]] = {}
    wanted = {(each.kind, each.namespace, each.name): each for each in workloads(objects)}
    namespaces = {namespace for _, namespace, _ in wanted}
    pods = [pod for namespace in namespaces for pod in cluster.get("pods", namespace=namespace)]
    for workload in wanted.values():
        own = frozenset(pod["metadata"]["uid"] for pod in pods if workload.owns(pod))
        if own:
            found[f"{workload.kind} {workload.namespace}/{workload.name}"] = own
    return found


def topology(objects: Sequence[Object]) -> Topology:
    text = yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=False)
    documents, problems = read(text.encode(), "manifests.yaml")
    assert not problems
    return read_topology(documents)
