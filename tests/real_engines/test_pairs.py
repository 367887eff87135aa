"""Every pair of the table does what it says, and the checks tell those that do not work."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.findings.evidence import SeenRun
from cdk8s_inference.source import Document
from tests.acceptance.cluster import Object
from tests.real_engines.client import Params
from tests.real_engines.deployments import DISAGGREGATED
from tests.real_engines.engines import Site, pods, workload
from tests.real_engines.environment import ROOT
from tests.real_engines.outcome import handed_over, prompt
from tests.real_engines.pair import Pair, changed, table
from tests.real_engines.pairs import PAIRS, Change
from tests.real_engines.stops import LEASE_SECONDS

_NOBODY = 9
"""A port on which nothing listens."""
_PROMPTS = 6
"""As many as fill the few blocks of a prefill engine more than once."""


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.what)
def test_a_pair_is_told(pair: Pair[Change]) -> None:
    objects = composed(pair)
    findings = check([Document(item) for item in objects])
    told = {each.code for each in findings if each.severity != "note"}
    as_composed = {each.code for each in check([Document(item) for item in composed(PAIRS[0])])}
    new = told - as_composed
    if pair.verdict == "P/D" or pair.untold:
        assert new == {code for code in (pair.code,) if code}, [*map(str, findings)]
    else:
        assert pair.code in new, [*map(str, findings)]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.what)
def test_a_pair_does_what_it_says(pair: Pair[Change], site: Site) -> None:
    if pair.needs not in Path("/proc/cpuinfo").read_text():
        pytest.skip(f"the processor has no {pair.needs}")
    lonely = pair.what if pair.then == "killed" else ""
    engines = [
        site.engine(change.apply(pods(DISAGGREGATED, part)[0]), change.model, own=own)
        for part, change, own in (
            ("prefill", pair.prefill, lonely),
            ("decode", pair.decode, ""),
        )
    ]
    ready = [site.await_(engine) for engine in engines]
    if not all(ready):
        ended = [not engine.alive for engine in engines if not engine.ready]
        verdict = "does not start" if all(ended) else "never ready"
        assert verdict == pair.verdict, [each.log()[-3000:] for each in engines if not each.ready]
        return
    prefill, decode = engines

    if pair.then == "next pod":
        assert handed_over(site, prefill, decode).verdict == "P/D"
        pod = pair.prefill.apply(pods(DISAGGREGATED, "prefill")[1])
        prefill = site.engine(pod, pair.prefill.model, own="next")
        assert site.await_(prefill), prefill.log()[-3000:]

    def between(params: Params) -> Params:
        if pair.then == "killed":
            prefill.kill()
        elif pair.then == "lease over":
            time.sleep(LEASE_SECONDS + 5)
            for _ in range(_PROMPTS):
                assert not site.client.ask(prefill.url, prompt(150), tokens=1).error
        return {**(params or {}), "remote_port": _NOBODY} if pair.then == "nobody" else params

    outcome = handed_over(site, prefill, decode, between=between, words=pair.words)
    assert outcome.verdict == pair.verdict, outcome


@pytest.mark.parametrize(
    "code", sorted({pair.code for pair in PAIRS if pair.code and pair.verdict != "P/D"})
)
def test_a_rule_says_that_it_was_seen_run(code: str) -> None:
    assert isinstance(all_rules()[code].known, SeenRun)


def test_the_page_shows_the_table() -> None:
    assert table(PAIRS) in (ROOT / "docs" / "proof.md").read_text()


def composed(pair: Pair[Change]) -> list[Object]:
    """The deployment of ``main.py`` with the changes of a pair, and a device for each rank."""
    objects = changed(DISAGGREGATED, pair)
    for part, change in pair.changes:
        if change.ranks is not None:
            _devices(objects, workload(objects, part))["count"] = change.ranks
    return objects


def _devices(objects: list[Object], workload: Object) -> dict[str, Any]:
    """What each pod of a workload claims."""
    (claim,) = workload["spec"]["template"]["spec"]["resourceClaims"]
    (template,) = (
        item
        for item in objects
        if item["kind"] == "ResourceClaimTemplate"
        and item["metadata"]["name"] == claim["resourceClaimTemplateName"]
    )
    (request,) = template["spec"]["spec"]["devices"]["requests"]
    exactly: dict[str, Any] = request["exactly"]
    return exactly
