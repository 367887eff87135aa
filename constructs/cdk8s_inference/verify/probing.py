"""Asks a deployment, and reads what its servers count before and after."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from cdk8s_inference.findings.secret import MASK, masked
from cdk8s_inference.findings.terminal import escaped
from cdk8s_inference.verify.counters import changes, counters, samples
from cdk8s_inference.verify.evidence import Answer, Change, Evidence, Load, Meaning
from cdk8s_inference.verify.exchange import NoAnswer
from cdk8s_inference.verify.target import Counted, Target

_SCRAPE_SECONDS = 5.0
_SETTLING_SECONDS = 3.0
"""How long engines have to count what they have answered."""

_PAUSE = 0.2
_MOST_SAID = 64 * 1024

Counts = Mapping[tuple[str, Meaning], float]


def probe(
    target: Target,
    load: Load,
    seconds: float,
    token: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Evidence:
    """What a deployment answers and counts.

    Args:
        target: The deployment.
        load: What is sent.
        seconds: How long all of it may take.
        token: What it is asked with: a server that sends it back is not repeated.
        clock: The time.
    """
    run = _Run(target, load, clock() + seconds, token, clock)
    return run.evidence()


class _Run:
    def __init__(
        self,
        target: Target,
        load: Load,
        deadline: float,
        token: str | None,
        clock: Callable[[], float],
    ) -> None:
        self._target = target
        self._load = load
        self._deadline = deadline
        self._token = token
        self._clock = clock
        self._unread: dict[str, str] = {}

    def evidence(self) -> Evidence:
        target, load = self._target, self._load
        if target.send is None:
            answers: tuple[Answer, ...] = (Answer("short", None, 0.0, target.problem),)
            return Evidence(target.meant_apart, load, answers)
        model = target.model
        if model is None:
            model, failed = self._only_model()
            if failed is not None:
                return Evidence(target.meant_apart, load, (failed,))
        # Metrics of many servers appear with the first request.
        given = [self._ask(model, "short")]
        before = {each.name: self._counts(each) for each in target.counted}
        for _ in range(load.requests if given[0].status is not None else 0):
            given.append(self._ask(model, "long"))
            if given[-1].status is None:
                break
        found = self._settled(before, sum(each.prompt == "long" for each in given))
        unread = tuple(f"{name}: {reason}" for name, reason in self._unread.items())
        return Evidence(target.meant_apart, load, tuple(given), found, unread)

    @property
    def _left(self) -> float:
        return max(0.0, self._deadline - self._clock())

    def _only_model(self) -> tuple[str, Answer | None]:
        status, body, seconds, reason = self._sent("GET", "/v1/models", None)
        try:
            return str(json.loads(body)["data"][0]["id"]), None
        except (ValueError, KeyError, IndexError, TypeError):
            reason = reason or "it does not say which model it serves; name it with --model"
            return "", Answer("short", None if status == 200 else status, seconds, reason)

    def _ask(self, model: str, prompt: Literal["short", "long"]) -> Answer:
        words = self._load.words if prompt == "long" else 1
        text = " ".join(str(10_000 + secrets.randbelow(90_000)) for _ in range(words))
        body = {
            "model": model,
            "prompt": text,
            "max_tokens": self._load.max_tokens,
            "temperature": 0,
            "ignore_eos": True,
        }
        status, _, seconds, reason = self._sent("POST", "/v1/completions", body)
        return Answer(prompt, status, seconds, reason)

    def _sent(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[int | None, bytes, float, str]:
        assert self._target.send is not None
        started = self._clock()
        content = None if body is None else json.dumps(body).encode()
        try:
            status, answer = self._target.send(method, path, content, self._left)
        except NoAnswer as none:
            return None, b"", self._clock() - started, str(none)
        reason = "" if status == 200 else f"status {status}: {_said(answer, self._token)}"
        return status, answer, self._clock() - started, reason

    def _counts(self, server: Counted) -> Counts:
        reason = ""
        for send in server.sends:
            try:
                status, body = send("GET", server.path, None, min(_SCRAPE_SECONDS, self._left))
            except NoAnswer as none:
                reason = reason or f"its metrics cannot be read: {none}"
                continue
            if status == 200:
                self._unread.pop(server.name, None)
                return counters(samples(body.decode(errors="replace")))
            reason = f"its metrics answer {status}"
        self._unread[server.name] = reason or "no port of it is known"
        return {}

    def _settled(self, before: Mapping[str, Counts], wanted: int) -> tuple[Change, ...]:
        """What changed, once as many requests are counted as were sent, or some time has passed."""
        until = min(self._deadline, self._clock() + _SETTLING_SECONDS)
        previous: tuple[Change, ...] | None = None
        while True:
            found = tuple(
                change
                for each in self._target.counted
                for change in changes(each.name, each.part, before[each.name], self._counts(each))
            )
            counted = sum(each.by for each in found if each.meaning == "requests")
            if (counted >= wanted and found == previous) or self._clock() + _PAUSE >= until:
                return found
            previous = found
            time.sleep(_PAUSE)


def _said(body: bytes, token: str | None) -> str:
    """What a refusal says, on one line, without a token."""
    whole = body[:_MOST_SAID].decode(errors="replace")
    if token is not None:
        whole = whole.replace(token, MASK)  # Before it is cut, so that no part of it is left.
    text = " ".join(whole[:400].split())
    return masked(escaped(text)) or "no reason given"
