"""What ``main.py`` composes, run with real engines: prefill on one pod, decode on another."""

from __future__ import annotations

import pytest

from tests.real_engines.deployments import DISAGGREGATED
from tests.real_engines.engines import Engine, Site, pods
from tests.real_engines.environment import NEWEST, VLLM, Release
from tests.real_engines.outcome import handed_over


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("chat", [False, True], ids=["completion", "chat"])
@pytest.mark.parametrize("words", [1, 60, 300])
@pytest.mark.parametrize("release", VLLM, ids=str)
def test_decode_continues_what_prefill_computed(
    release: Release, words: int, chat: bool, stream: bool, site: Site
) -> None:
    prefill, decode = ready(site, release)
    outcome = handed_over(site, prefill, decode, words=words, chat=chat, stream=stream)
    assert outcome.verdict == "P/D", outcome
    assert outcome.computed <= 1, outcome
    assert outcome.reads >= 1, outcome


def test_two_prefills_hand_over_to_one_decode(site: Site) -> None:
    one, other = pods(DISAGGREGATED, "prefill")
    (after,) = pods(DISAGGREGATED, "decode")
    first, second = (
        site.engine(pod, own=own, release=NEWEST) for pod, own in ((one, ""), (other, "second"))
    )
    decode = site.engine(after, release=NEWEST)
    assert all(map(site.await_, (first, second, decode)))
    for prefill in (first, second, first):
        assert handed_over(site, prefill, decode).verdict == "P/D"


def ready(site: Site, release: Release) -> tuple[Engine, Engine]:
    """The composed engines, ready."""
    engines = [
        site.engine(pods(DISAGGREGATED, part)[0], release=release) for part in ("prefill", "decode")
    ]
    for engine in engines:
        assert site.await_(engine), engine.log()[-3000:]
    return engines[0], engines[1]
