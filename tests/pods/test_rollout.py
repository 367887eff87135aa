"""How pods are replaced."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    InvalidInput,
    Member,
    ModelDeployment,
    Platform,
    Rollout,
)
from tests.kit.synth import synthesized, workloads

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
GANG = [
    Member.of("Leader", image="vllm", devices=[GPU]),
    Member.of("Worker", image="vllm", devices=[GPU], nodes=1),
]


def rolled(rollout: Rollout | None, platform: Rollout | None = None, *, gang: bool = False) -> Json:
    members = GANG if gang else [Member.of("Standalone", image="vllm", devices=[GPU])]
    app = App()
    ModelDeployment(
        app,
        "d",
        name="d",
        namespace="ml",
        engines=[Engine(name="a", members=members, rollout=rollout)],
        platform=Platform(rollout=platform or Rollout()),
    )
    (workload,) = workloads(synthesized(app))
    spec: Json = workload["spec"]
    return spec


def test_nothing_is_written_where_nothing_is_said() -> None:
    assert not rolled(None).keys() & {"strategy", "minReadySeconds", "revisionHistoryLimit"}


def test_what_an_engine_leaves_out_is_the_platforms() -> None:
    spec = rolled(Rollout(min_ready_seconds=10), Rollout(max_surge=0, revision_history_limit=2))
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}}
    assert (spec["minReadySeconds"], spec["revisionHistoryLimit"]) == (10, 2)


def test_one_strategy_takes_the_place_of_the_other() -> None:
    recreate, in_place = Rollout(strategy="Recreate"), Rollout.in_place()
    assert rolled(recreate, in_place)["strategy"] == {"type": "Recreate"}
    assert rolled(in_place, recreate)["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }


def test_a_gang_is_replaced_in_place_unless_told_otherwise() -> None:
    def amounts(spec: Json) -> Json:
        found: Json = spec["rolloutStrategy"]["rollingUpdateConfiguration"]
        return found

    in_place = {"partition": 0, "maxUnavailable": 1, "maxSurge": 0}
    assert amounts(rolled(None, gang=True)) == in_place
    # What only a Deployment has is the platform's for its other engines.
    platform = Rollout(strategy="Recreate", min_ready_seconds=1)
    assert amounts(rolled(None, platform, gang=True)) == in_place
    assert amounts(rolled(Rollout(max_surge=1), gang=True)) == {**in_place, "maxSurge": 1}


@pytest.mark.parametrize(
    "rollout",
    [
        Rollout(strategy="Recreate"),
        Rollout(min_ready_seconds=0),
        Rollout(revision_history_limit=1),
    ],
)
def test_a_gang_has_no_more_than_that(rollout: Rollout) -> None:
    with pytest.raises(InvalidInput, match="D140"):
        rolled(rollout, gang=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"strategy": "Recreate", "max_surge": 1},
        {"max_surge": 0, "max_unavailable": "0%"},
        {"max_surge": "a quarter"},
        {"max_surge": -1},
    ],
)
def test_what_no_workload_has_is_refused(fields: Json) -> None:
    with pytest.raises(InvalidInput):
        Rollout(**fields)
