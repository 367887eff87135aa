"""Where the pods of a gang go."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    GangPlacement,
    InvalidInput,
    Member,
    ModelDeployment,
    Platform,
)
from tests.kit.synth import synthesized, the

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')


def gang(
    placement: GangPlacement | None, platform: GangPlacement | None = None, *, nodes: int = 3
) -> Json:
    app = App()
    members = [
        Member.of("Leader", image="vllm", devices=[GPU]),
        Member.of("Worker", image="vllm", devices=[GPU], nodes=nodes),
    ]
    ModelDeployment(
        app,
        "d",
        name="d",
        namespace="ml",
        engines=[Engine(name="a", members=members, gang=placement)],
        platform=Platform(gang=platform or GangPlacement()),
    )
    return the(synthesized(app), "LeaderWorkerSet")


def test_what_an_engine_leaves_out_is_the_platforms() -> None:
    found = gang(
        GangPlacement(
            subgroup_size=2, subgroup_exclusive_topology="host", startup_policy="LeaderReady"
        ),
        GangPlacement(exclusive_topology="rack"),
    )
    prefix = "leaderworkerset.sigs.k8s.io"
    assert found["metadata"]["annotations"] == {
        f"{prefix}/exclusive-topology": "rack",
        f"{prefix}/subgroup-exclusive-topology": "host",
    }
    assert found["spec"]["startupPolicy"] == "LeaderReady"
    assert found["spec"]["leaderWorkerTemplate"]["subGroupPolicy"] == {
        "subGroupPolicyType": "LeaderWorker",
        "subGroupSize": 2,
    }


def test_nothing_is_written_where_nothing_is_said() -> None:
    found = gang(None)
    assert "annotations" not in found["metadata"]
    assert "subGroupPolicy" not in found["spec"]["leaderWorkerTemplate"]
    assert found["spec"]["startupPolicy"] == "LeaderCreated"


@pytest.mark.parametrize(
    ("size", "kind", "fits"),
    [
        (2, None, True),
        (3, None, True),
        (3, "LeaderExcluded", True),
        (2, "LeaderExcluded", False),
        (5, None, False),
    ],
)
def test_subgroups_divide_a_gang(size: int, kind: Any, fits: bool) -> None:
    placement = GangPlacement(subgroup_size=size, subgroup_type=kind)
    if fits:
        gang(placement)
        return
    with pytest.raises(InvalidInput, match="D142"):
        gang(placement)
