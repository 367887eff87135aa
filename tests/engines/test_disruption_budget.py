"""Budgets over engines that stand in for one another: which pods they hold, none twice."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import App, Engine, Member, ModelDeployment, ModelReplica, Platform
from cdk8s_inference.construct_tree import Chart
from cdk8s_inference.source import Document
from cdk8s_inference.topology import read_topology
from tests.document.builders import NIXL
from tests.kit.synth import of_kind, synthesized

Json = dict[str, Any]
PORTS: dict[Any, int] = {"Prefill": 8000, "Decode": 8001, None: 8000}


def engine(name: str, phase: Any = None, copies: int = 1) -> Engine:
    args = ["--model=m", "--device=cpu", f"--port={PORTS[phase]}", *([NIXL] if phase else ())]
    image = "vllm/vllm-openai:v0.32.0"
    return Engine.standalone(name, phase=phase, copies=copies, image=image, args=args)


def deployed(
    engines: list[Engine], replicas: int = 1, platform: Platform | None = None
) -> list[Json]:
    app = App()
    mode: Any = "PrefillDecode" if engines[0].stage else "Unified"
    ModelDeployment(
        app,
        "d",
        name="d",
        namespace="ml",
        engines=engines,
        serving_mode=mode,
        replicas=replicas,
        platform=platform,
    )
    return synthesized(app)


def held(objects: list[Json]) -> dict[str, list[str]]:
    """The workloads that each budget selects all pods of; no pod is in two budgets."""
    budgets = read_topology(map(Document, objects)).budgets
    found = {
        budget.object.name: [pods.workload.object.name for pods in budget.pods]
        for budget in budgets
    }
    every = [name for names in found.values() for name in set(names)]
    assert len(every) == len(set(every))
    assert {each["spec"]["maxUnavailable"] for each in of_kind(objects, "PodDisruptionBudget")} <= {
        1
    }
    return found


PREFILL = engine("p", "Prefill")
DECODE = engine("d", "Decode")


@pytest.mark.parametrize(
    ("engines", "replicas", "expected"),
    [
        ([engine("u")], 1, {}),
        ([PREFILL, DECODE], 1, {}),
        ([PREFILL, engine("d", "Decode", copies=2)], 1, {"d-decode": ["d-0-d"]}),
        (
            [PREFILL, engine("a", "Decode"), engine("b", "Decode")],
            1,
            {"d-decode": ["d-0-a", "d-0-b"]},
        ),
        (
            [PREFILL, DECODE],
            2,
            {"d-prefill": ["d-0-p", "d-1-p"], "d-decode": ["d-0-d", "d-1-d"]},
        ),
        ([engine("u"), engine("v")], 1, {"d-engine": ["d-0-u", "d-0-v"]}),
    ],
    ids=["one", "one of each", "copies", "engines", "replicas", "Unified"],
)
def test_a_phase_of_several_copies_has_one(
    engines: list[Engine], replicas: int, expected: dict[str, list[str]]
) -> None:
    assert held(deployed(engines, replicas)) == expected
    assert held(deployed(engines, replicas, Platform(disruption_budgets=False))) == {}


def gang(name: str) -> Engine:
    args = ["--model=m", "--device=cpu", "--port=8001", NIXL]
    said: Json = {"image": "vllm/vllm-openai:v0.32.0", "args": args}
    members = [Member.of("Leader", **said), Member.of("Worker", **said, nodes=1)]
    return Engine(name=name, phase="Decode", members=members)


def test_of_gangs_every_pod_is_held() -> None:
    """A gang that loses a pod is made anew, and the other must not go meanwhile."""
    found = held(deployed([PREFILL, gang("a"), gang("b")]))
    assert found == {"d-decode": ["d-0-a", "d-0-a", "d-0-b", "d-0-b"]}


def test_a_replica_alone_has_them() -> None:
    chart = Chart(App(), "c")
    ModelReplica(chart, "r", name="r", namespace="ml", engines=[engine("u"), engine("v")])
    assert held(synthesized(chart)) == {"r-engine": ["r-u", "r-v"]}
