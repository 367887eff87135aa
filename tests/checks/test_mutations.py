"""Deployments that work, broken in one place: almost every such place is noticed.

Here a sample; `tests/acceptance/test_mutations.py` goes through all of them.
"""

from __future__ import annotations

import pytest

from cdk8s_inference.releases import ROUTER_RELEASES
from tests.checks.mutations import SLIPS, baseline, caught, mutants

SHAPES = ("vllm", "sglang", "multi-node-leader-serves", "multi-node-every-pod-serves")
EACH = 83
"""Prime to what repeats in the list, so that the sample is of everything."""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sample_is_caught(shape: str) -> None:
    for turn, release in enumerate(ROUTER_RELEASES):
        before = baseline(shape, release)
        for index, (mutation, objects) in enumerate(mutants(shape, release)):
            if index % EACH == turn:
                assert caught(objects, before) or SLIPS.search(str(mutation)), str(mutation)
