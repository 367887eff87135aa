"""Every scalar that serving reads, changed and left out: how many of the changes are noticed."""

from __future__ import annotations

from cdk8s_inference.releases import ROUTER_RELEASES
from tests.checks.mutations import SLIPS, baseline, caught, mutants
from tests.checks.test_mutations import SHAPES


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
