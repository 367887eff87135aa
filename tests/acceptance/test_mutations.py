"""Every scalar that serving reads, changed and left out: how many of the changes are noticed."""

from __future__ import annotations

import pytest

from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES
from tests.checks.mutations import SLIPS, baseline, caught, mutants
from tests.checks.rendered import COMPOSED
from tests.checks.test_mutations import SHAPES

TOLD = 0.98
"""Of every change of a shape."""


def test_nearly_all_are_caught() -> None:
    made, slipped = 0, []
    for shape in SHAPES:
        for release in ROUTER_RELEASES:
            before = baseline(shape, release)
            for mutation, objects in mutants(shape, release):
                made += 1
                if not caught(objects, before):
                    slipped.append(str(mutation))
    print(f"{made} changes, {made - len(slipped)} caught: {100 * (1 - len(slipped) / made):.1f} %")
    assert made > 3000
    assert [each for each in slipped if not SLIPS.search(each)] == []
    assert len(slipped) < 0.02 * made


@pytest.mark.parametrize("shape", COMPOSED)
def test_most_of_everything_is_caught(shape: str) -> None:
    before = baseline(shape, ROUTER_NEWEST)
    made, slipped = 0, []
    for mutation, objects in mutants(shape, ROUTER_NEWEST, every=True):
        made += 1
        if not caught(objects, before) and not SLIPS.search(str(mutation)):
            slipped.append(str(mutation))
    print(*slipped, sep="\n")
    print(f"{shape}: {made} changes, {made - len(slipped)} caught")
    assert len(slipped) < (1 - TOLD) * made
