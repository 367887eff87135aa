"""Engines do with their work what the table says when they are stopped."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.real_engines.client import ASKED, Params
from tests.real_engines.deployments import DISAGGREGATED
from tests.real_engines.engines import Engine, Site, pods
from tests.real_engines.environment import ROOT
from tests.real_engines.outcome import handed_over, prompt
from tests.real_engines.pairs import SAME, given
from tests.real_engines.stops import STOPS, Stop, table

_LIMIT = 150.0
_GENERATED = "vllm:generation_tokens_total"


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: f"{stop.part} {stop.args} {stop.work}")
def test_an_engine_ends_as_the_table_says(stop: Stop, site: Site) -> None:
    name = str(STOPS.index(stop))
    engine = site.engine(given(*stop.args).apply(pods(DISAGGREGATED, stop.part)[0]), own=name)
    loading = _health(site, engine)
    assert site.await_(engine), engine.log()[-3000:]
    assert loading == 0
    begun = {
        "a stream": _stream,
        "blocks, fetched 2 s later": _blocks,
        "blocks, never fetched": _left,
    }
    outcome, healthy, ended = begun[stop.work](site, engine, stop)
    assert outcome == stop.outcome
    assert healthy == stop.healthy
    assert stop.ends[0] <= ended <= stop.ends[1]


def test_the_page_shows_the_table() -> None:
    assert table() in (ROOT / "docs" / "proof.md").read_text()


def _stream(site: Site, engine: Engine, stop: Stop) -> tuple[str, bool, float]:
    answer = site.client.start(
        lambda: site.client.ask(
            engine.url, prompt(10), tokens=stop.tokens, stream=True, seconds=_LIMIT
        )
    )
    while site.client.counters(engine.url).get(_GENERATED, 0) < 10:
        time.sleep(0.1)
    began = _stopped(engine)
    time.sleep(0.8)
    healthy = _health(site, engine) == 200
    ended = _ended(engine, began)
    return "ends with an error" if answer().error else "completes", healthy, ended


def _blocks(site: Site, engine: Engine, stop: Stop) -> tuple[str, bool, float]:
    decode = site.engine(SAME.apply(pods(DISAGGREGATED, "decode")[0]))
    assert site.await_(decode), decode.log()[-3000:]
    assert handed_over(site, engine, decode).verdict == "P/D"
    began, healthy = 0.0, False

    def between(params: Params) -> Params:
        nonlocal began, healthy
        began = _stopped(engine)
        time.sleep(2)
        healthy = _health(site, engine) == 200
        return params

    outcome = handed_over(site, engine, decode, decode, between=between)
    assert _health(site, decode) == 200
    return outcome.verdict, healthy, _ended(engine, began)


def _left(site: Site, engine: Engine, stop: Stop) -> tuple[str, bool, float]:
    assert site.client.ask(engine.url, prompt(), tokens=1, params=ASKED).status == 200
    began = _stopped(engine)
    time.sleep(2)
    healthy = _health(site, engine) == 200
    return "lost", healthy, _ended(engine, began)


def _health(site: Site, engine: Engine) -> int:
    return site.client.call(f"{engine.url}/health", seconds=2)[0]


def _stopped(engine: Engine) -> float:
    os.kill(engine.process.pid, signal.SIGTERM)
    return time.monotonic()


def _ended(engine: Engine, began: float) -> float:
    """Seconds until it ended; those that were waited where it has not."""
    while engine.alive and time.monotonic() < began + _LIMIT / 2:
        time.sleep(0.1)
    if engine.alive:
        engine.kill()
    return time.monotonic() - began
