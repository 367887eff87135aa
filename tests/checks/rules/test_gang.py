"""What keeps the pods of a gang together."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.findings import Edit
from cdk8s_inference.findings.example import REMOVED
from cdk8s_inference.source import Document
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
