"""Every pair of SGLang's table does what it says, and the checks tell those that do not work."""

from __future__ import annotations

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.source import Document
from tests.real_engines.deployments import SGLANG
from tests.real_engines.engines import Site, pods
from tests.real_engines.environment import ROOT
from tests.real_engines.outcome import handed_over_at_once
from tests.real_engines.pair import Pair, changed, table
from tests.real_engines.sglang_pairs import PAIRS, UNIFIED, Change


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.what)
def test_a_pair_is_told(pair: Pair[Change]) -> None:
    findings = check([Document(item) for item in changed(SGLANG, pair)])
    told = {each.code for each in findings if each.severity != "note"}
    if pair.verdict == "P/D" or pair.untold:
        assert not told, [*map(str, findings)]
    else:
        assert pair.code in told, [*map(str, findings)]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.what)
def test_a_pair_does_what_it_says(pair: Pair[Change], site: Site) -> None:
    (one,) = pods(SGLANG, "prefill")
    reference = site.engine(UNIFIED.apply(one))
    prefill, decode = (
        site.engine(change.apply(pods(SGLANG, part)[0]), change.model)
        for part, change in pair.changes
    )
    assert site.await_(reference), reference.log()[-3000:]
    if waiting := [each for each in (prefill, decode) if not site.await_(each)]:
        verdict = "never ready" if any(each.alive for each in waiting) else "does not start"
        assert verdict == pair.verdict, [each.log()[-3000:] for each in waiting]
        return
    outcome = handed_over_at_once(site, prefill, decode, reference, words=pair.words)
    assert outcome.verdict == pair.verdict, outcome


@pytest.mark.parametrize("code", sorted({pair.code for pair in PAIRS if pair.code}))
def test_a_rule_says_that_it_was_seen_run(code: str) -> None:
    rule = all_rules()[code]
    assert "with SGLang v0.5.23" in f"{rule.known} {rule.evidence}"


def test_the_page_shows_the_table() -> None:
    assert table(PAIRS) in (ROOT / "docs" / "proof.md").read_text()
