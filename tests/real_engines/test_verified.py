"""What ``verify`` says by the counters of real engines, of which it is known who did what."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cdk8s_inference.verify import Evidence, Load, Target, decide, probe
from cdk8s_inference.verify.target import Counted
from tests.real_engines.client import Answer, Params
from tests.real_engines.engines import Engine, Site
from tests.real_engines.environment import NEWEST, VLLM, Release
from tests.real_engines.test_handed_over import ready

HANDED_OVER = {
    "vllm:external_prefix_cache_hits_total",
    "vllm:nixl_bytes_transferred_sum",
    'vllm:prompt_tokens_by_source_total{source="external_kv_transfer"}',
}
SECONDS = 120.0


def verified(
    site: Site, prefill: Engine, decode: Engine, ask: Callable[[str], Answer | None]
) -> Evidence:
    """What is found of a deployment that answers a prompt in some way."""

    def send(method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        assert (method, path) == ("POST", "/v1/completions")
        answer = ask(json.loads(body or b"")["prompt"])
        return (answer.status if answer else 0), b"{}"

    def metrics(engine: Engine) -> Callable[..., tuple[int, bytes]]:
        def read(method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
            status, text = site.client.call(f"{engine.url}{path}")
            return status, text.encode()

        return read

    counted = (
        Counted("prefill", "prefill", [metrics(prefill)]),
        Counted("decode", "decode", [metrics(decode)]),
    )
    target = Target("any", "", send, counted, "any", meant_apart=True)
    return probe(target, Load(requests=3, words=60), SECONDS)


@pytest.mark.parametrize("release", VLLM, ids=str)
def test_a_hand_over_is_seen(release: Release, site: Site) -> None:
    prefill, decode = ready(site, release)
    found = verified(
        site,
        prefill,
        decode,
        lambda text: site.client.hand_over(prefill.url, decode.url, text)[1],
    )
    grew = {each.counter for each in found.changes if each.meaning == "handed over" and each.by}
    assert grew == HANDED_OVER
    assert decide(found).outcome == "disaggregates", decide(found)


@pytest.mark.parametrize("release", VLLM, ids=str)
def test_prefilling_again_is_seen(release: Release, site: Site) -> None:
    """Both engines are asked, and decode is not told where the cache is."""
    prefill, decode = ready(site, release)

    def forgotten(_: Params) -> Params:
        return None

    found = verified(
        site,
        prefill,
        decode,
        lambda text: site.client.hand_over(prefill.url, decode.url, text, between=forgotten)[1],
    )
    said = decide(found)
    assert said.outcome == "decode-only", said
    assert "nothing was handed over" in said.reason


def test_decode_alone_is_seen(site: Site) -> None:
    prefill, decode = ready(site, NEWEST)
    said = decide(verified(site, prefill, decode, lambda text: site.client.ask(decode.url, text)))
    assert said.outcome == "decode-only", said
