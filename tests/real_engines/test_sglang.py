"""What the example with SGLang composes, run with real engines: prefill and decode apart."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from cdk8s_inference.releases import ROUTER_NEWEST
from cdk8s_inference.verify import decide
from tests.acceptance.process import started
from tests.acceptance.serving import variables
from tests.real_engines.client import SGLANG_MODEL
from tests.real_engines.deployments import SGLANG
from tests.real_engines.engines import Engine, Site, pods
from tests.real_engines.outcome import handed_over_at_once, prompt
from tests.real_engines.sglang_pairs import SAME, UNIFIED, Change
from tests.real_engines.test_sidecar import REQUESTS, sidecar_command
from tests.real_engines.test_verified import verified


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("chat", [False, True], ids=["completion", "chat"])
@pytest.mark.parametrize("words", [1, 60, 300])
def test_decode_continues_what_prefill_computed(
    words: int, chat: bool, stream: bool, site: Site
) -> None:
    reference, prefill, decode = ready(site)
    outcome = handed_over_at_once(
        site, prefill, decode, reference, words=words, chat=chat, stream=stream
    )
    assert outcome.verdict == "P/D", outcome
    assert (outcome.fetched, outcome.computed) == (1, 0), outcome


def test_two_prefills_hand_over_to_one_decode(site: Site) -> None:
    reference, first, decode = ready(site)
    second = site.engine(pods(SGLANG, "prefill")[0], own="second", most=4)
    assert site.await_(second), second.log()[-3000:]
    for prefill in (first, second, first):
        outcome = handed_over_at_once(site, prefill, decode, reference)
        assert outcome.verdict == "P/D", outcome


def test_a_hand_over_is_verified(site: Site) -> None:
    _, prefill, decode = ready(site)
    more = {"model": SGLANG_MODEL}
    found = verified(
        site,
        prefill,
        decode,
        lambda text: site.client.hand_over_at_once(prefill.url, decode.url, text, more=more)[1],
    )
    grew = {each.counter for each in found.changes if each.meaning == "sent" and each.by}
    assert grew == {"sglang:kv_transfer_total_mb_count"}
    assert decide(found).outcome == "disaggregates", decide(found)


def test_decode_refuses_what_is_not_handed_over(site: Site) -> None:
    _, _, decode = ready(site)
    answer = site.client.ask(decode.url, prompt(), more={"model": SGLANG_MODEL})
    assert answer.status == 400, answer


def test_the_sidecar_hands_over(site: Site) -> None:
    _, name, _ = variables(ROUTER_NEWEST)
    if name not in os.environ:
        pytest.skip(f"the executable is not given: {name}")
    reference, prefill, decode = ready(site)
    (pod,) = pods(SGLANG, "decode")
    command, port = sidecar_command(pod, decode, Path(os.environ[name]))
    listens = partial(decode.host.listens, port)
    url = f"http://{decode.host.address}:{port}"
    with started("sidecar", command, site.folder / "sglang-sidecar", ready=listens):
        for words, chat, stream in REQUESTS:
            outcome = handed_over_at_once(
                site,
                prefill,
                decode,
                reference,
                words=words,
                chat=chat,
                stream=stream,
                sidecar=url,
            )
            assert outcome.verdict == "P/D", (words, chat, stream, outcome)


def ready(site: Site, prefill: Change = SAME, decode: Change = SAME) -> list[Engine]:
    """One engine that does it all, prefill and decode, ready."""
    engines = [
        site.engine(change.apply(pods(SGLANG, part)[0]), change.model)
        for part, change in (("prefill", UNIFIED), ("prefill", prefill), ("decode", decode))
    ]
    for engine in engines:
        assert site.await_(engine), engine.log()[-3000:]
    return engines
