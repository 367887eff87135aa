"""What came of a hand-over, in a word: the verdicts of tests and of docs/proof.md."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.real_engines.client import SGLANG_MODEL, Answer, Params
from tests.real_engines.engines import Engine, Site

Verdict = Literal[
    "P/D",
    "recomputed",
    "wrong output",
    "500",
    "400",
    "404",
    "no answer",
    "decode ends",
    "does not start",
    "never ready",
]
"""``P/D``: blocks of prefill were read, and the text is that of one engine. ``recomputed``: decode
computed the prompt itself. ``no answer``: none in time. ``decode ends``: the engine does, with all
that it has begun."""

FROM_PREFILL = "vllm:prompt_tokens_by_source_total{external_kv_transfer}"
COMPUTED = "vllm:prompt_tokens_by_source_total{local_compute}"
READS = "vllm:nixl_xfer_time_seconds_count"
SENT = "sglang:kv_transfer_total_mb_count"
"""By which SGLang's prefill counts what it handed over."""

PREFILLED = "sglang:realtime_tokens_total{prefill_compute}"
"""Tokens of prompts that an engine of SGLang computed."""

PREFILL_HEADER = "x-prefiller-host-port"
"""By which a picker tells the sidecar where to prefill."""

SLOW = "zmq.error.Again"
"""What decode says where the handshake took longer than its 5 seconds: the machine is busy."""

TRIES = 3
_LONG = 60


@dataclass(frozen=True)
class Outcome:
    """What came of a hand-over.

    Attributes:
        verdict: In a word.
        fetched: Tokens of the prompt that decode took from prefill; of SGLang transfers.
        computed: Tokens of the prompt that decode computed.
        reads: Transfers by NIXL.
        seen: The last answer.
        expected: The text of one unified engine; None where there was none to ask.
    """

    verdict: Verdict
    fetched: float = 0
    computed: float = 0
    reads: float = 0
    seen: Answer | None = None
    expected: str | None = None


def prompt(words: int = _LONG) -> str:
    """A prompt that nobody sent before, of about nine tokens a word."""
    mark = secrets.token_hex(3)
    return " ".join(f"{mark}{number}" for number in range(words))


def handed_over(
    site: Site,
    prefill: Engine,
    decode: Engine,
    reference: Engine | None = None,
    *,
    words: int = _LONG,
    between: Callable[[Params], Params] = lambda params: params,
    chat: bool = False,
    stream: bool = False,
    sidecar: str = "",
) -> Outcome:
    """Hands one prompt over, and compares the text with that of one engine that does it all.

    Args:
        site: Where.
        prefill: Is asked first.
        decode: Is asked next.
        reference: The one engine; prefill itself where None is given, which is asked afterwards.
        words: How long the prompt is.
        between: Changes what prefill answered.
        chat: Whether it is a chat.
        stream: Whether the answer is streamed.
        sidecar: The URL of decode's sidecar, which is asked to hand over; empty to do as it does.
    """
    for _ in range(TRIES):
        text, said = prompt(words), len(decode.log())
        before = site.client.counters(decode.url)
        first: Answer
        second: Answer | None
        if sidecar:
            headers = {PREFILL_HEADER: prefill.url.removeprefix("http://")}
            first = second = site.client.ask(
                sidecar, text, chat=chat, stream=stream, headers=headers
            )
        else:
            first, second = site.client.hand_over(
                prefill.url, decode.url, text, between=between, chat=chat, stream=stream
            )
        if second is None or not second.error or SLOW not in decode.log()[said:]:
            break
    if second is None or second.error:
        return Outcome(_failed(second or first), seen=second or first)
    after = site.client.counters(decode.url)
    fetched, computed, reads = (
        after.get(name, 0) - before.get(name, 0) for name in (FROM_PREFILL, COMPUTED, READS)
    )
    asked = reference or (prefill if prefill.alive else decode)
    expected = site.client.ask(asked.url, text, chat=chat).text
    verdict: Verdict = "P/D" if fetched else "recomputed"
    if second.text != expected:
        verdict = "wrong output"
    return Outcome(verdict, fetched, computed, reads, second, expected)


def handed_over_at_once(
    site: Site,
    prefill: Engine,
    decode: Engine,
    reference: Engine,
    *,
    words: int = _LONG,
    chat: bool = False,
    stream: bool = False,
    sidecar: str = "",
    seconds: float = 60,
) -> Outcome:
    """Has SGLang hand one prompt over, and compares the text with that of one unified engine.

    Args:
        site: Where.
        prefill: Is asked at the same time.
        decode: Answers.
        reference: The unified engine, which is asked afterwards.
        words: How long the prompt is.
        chat: Whether it is a chat.
        stream: Whether the answer is streamed.
        sidecar: The URL of decode's sidecar, which is asked to hand over; empty to do as it does.
        seconds: How long decode's answer is waited for.
    """
    text = prompt(words)
    before = _counted(site, prefill, decode)
    model = {"model": SGLANG_MODEL}
    if sidecar:
        headers = {PREFILL_HEADER: prefill.url.removeprefix("http://")}
        seen = site.client.ask(
            sidecar, text, chat=chat, stream=stream, more=model, headers=headers, seconds=seconds
        )
    else:
        _, seen = site.client.hand_over_at_once(
            prefill.url,
            decode.url,
            text,
            more=model,
            chat=chat,
            stream=stream,
            seconds=seconds,
        )
    if seen.error:
        ended = _ends(decode)
        verdict: Verdict = "decode ends" if ended else _failed(seen) if seen.status else "no answer"
        return Outcome(verdict, seen=seen)
    after = _counted(site, prefill, decode)
    sent, computed = (now - then for now, then in zip(after, before, strict=True))
    expected = site.client.ask(reference.url, text, chat=chat, more=model).text
    verdict = "P/D" if sent else "recomputed"
    if seen.text != expected:
        verdict = "wrong output"
    return Outcome(verdict, fetched=sent, computed=computed, seen=seen, expected=expected)


def _counted(site: Site, prefill: Engine, decode: Engine) -> tuple[float, float]:
    """Transfers of prefill, and tokens of prompts that decode computed."""
    sent, computed = (site.client.counters(each.url) for each in (prefill, decode))
    return sent.get(SENT, 0), computed.get(PREFILLED, 0)


def _ends(engine: Engine, seconds: float = 15) -> bool:
    """Whether an engine ends in a while."""
    until = time.monotonic() + seconds
    while engine.alive and time.monotonic() < until:
        time.sleep(0.1)
    return not engine.alive


def _failed(answer: Answer) -> Verdict:
    return "400" if answer.status == 400 else "404" if answer.status == 404 else "500"
