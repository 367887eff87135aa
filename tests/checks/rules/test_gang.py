"""What keeps the pods of a gang together."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.findings import Edit
from cdk8s_inference.findings.example import REMOVED
from cdk8s_inference.releases import ROUTER_NEWEST
from cdk8s_inference.source import Document
from tests.checks.rendered import codes, rendered, the
from tests.kit import examples

HOST = {"topologyKey": "kubernetes.io/hostname"}
BESIDE_A_CACHE = {**HOST, "labelSelector": {"matchLabels": {"app": "cache"}}}
OF_ONE_GANG = {**HOST, "matchLabelKeys": ["leaderworkerset.sigs.k8s.io/group-key"]}


@pytest.mark.parametrize(
    ("term", "noted"), [(BESIDE_A_CACHE, True), (OF_ONE_GANG, False)], ids=["cache", "gang"]
)
def test_an_affinity_counts_if_it_is_to_the_gang_itself(term: Any, noted: bool) -> None:
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    objects = examples.base(
        "gang",
        Edit("LeaderWorkerSet/kimi", "metadata.annotations", REMOVED),
        Edit(
            "LeaderWorkerSet/kimi",
            "spec.leaderWorkerTemplate.workerTemplate.spec.affinity",
            affinity,
        ),
    )
    codes = [each.code for each in check([Document(each) for each in objects])]
    assert ("T617" in codes) is noted


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("--node-rank $(LWS_WORKER_INDEX)", "--node-rank 0", True),
        ("--node-rank $(LWS_WORKER_INDEX)", "--node-rank 1", False),
    ],
)
def test_the_place_of_a_follower(old: str, new: str, told: bool) -> None:
    gang = the(examples.base("gang"), "LeaderWorkerSet", "kimi")
    template = gang["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    [container] = template["spec"]["containers"]
    container["args"] = [each.replace(old, new) for each in container["args"]]
    assert ("T615" in codes([gang])) is told


def test_ranks_that_overlap() -> None:
    objects = rendered("multi-node-every-pod-serves", ROUTER_NEWEST)
    gang = the(objects, "LeaderWorkerSet", "gpt-oss-0-decode")
    template = gang["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    [container] = template["spec"]["containers"]
    assert "T615" not in codes(objects)
    container["args"] = [
        each.replace("LWS_WORKER_INDEX * 8", "LWS_WORKER_INDEX * 4") for each in container["args"]
    ]
    assert "T615" in codes(objects)
