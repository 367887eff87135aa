from __future__ import annotations

from dataclasses import replace

import pytest

from cdk8s_inference.verify import Answer, Change, Evidence, Load, decide
from cdk8s_inference.verify.evidence import Meaning, Part

LOAD = Load(requests=3)
SHORT = Answer("short", 200, 0.1)
LONG = Answer("long", 200, 0.5)


def counted(server: str, part: Part, **values: float) -> list[Change]:
    meanings: dict[str, Meaning] = {
        "requests": "requests",
        "generated": "generated tokens",
        "handed": "handed over",
        "sent": "sent",
    }
    return [
        Change(server, part, name, meanings[name], 5.0, 5.0 + value)
        for name, value in values.items()
    ]


def evidence(*changes: list[Change], apart: bool = True, errors: tuple[str, ...] = ()) -> Evidence:
    every = tuple(each for found in changes for each in found)
    return Evidence(apart, LOAD, (SHORT, LONG, LONG, LONG), every, errors=errors)


PREFILL = counted("p", "prefill", requests=3, generated=3)
DECODE = counted("d", "decode", requests=3, generated=24)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (evidence(PREFILL, DECODE), "disaggregates"),
        (evidence(PREFILL, counted("d", "decode", requests=3, handed=3000)), "disaggregates"),
        (evidence(PREFILL, counted("d", "decode", requests=3, handed=0)), "decode-only"),
        (evidence(counted("p", "prefill", requests=3, sent=3), DECODE), "disaggregates"),
        (evidence(counted("p", "prefill", requests=3, sent=0), DECODE), "decode-only"),
        (evidence(counted("p", "prefill", requests=0), DECODE), "decode-only"),
        (evidence(PREFILL, counted("d", "decode", requests=0)), "decode-only"),
        (evidence(counted("p", "prefill", requests=1), DECODE), "decode-only"),
        # By what they generate, where roles are not known.
        (
            evidence(
                counted("a", "engine", requests=3, generated=3),
                counted("b", "engine", requests=3, generated=24),
            ),
            "disaggregates",
        ),
        (
            evidence(
                counted("a", "engine", requests=2, generated=16),
                counted("b", "engine", requests=1, generated=8),
            ),
            "decode-only",
        ),
        (evidence(PREFILL, DECODE, errors=("T302",)), "unknown"),
        (evidence(), "unknown"),
        (evidence(counted("p", "prefill", requests=0)), "unknown"),
        (evidence(apart=False), "answers"),
        (Evidence(True, LOAD), "does not answer"),
    ],
)
def test_what_counters_say(found: Evidence, outcome: str) -> None:
    assert decide(found).outcome == outcome, decide(found)


def test_a_failed_prompt_is_told() -> None:
    failed = Answer("long", 502, 0.1, "status 502: bad gateway")
    found = replace(evidence(PREFILL, DECODE), answers=(SHORT, LONG, failed))
    verdict = decide(found)
    assert str(verdict) == (
        "does not answer: 1 of 3 prompts failed; the long one: status 502: bad gateway"
    )
    assert not verdict.is_good


def test_a_server_that_was_restarted_counts_from_zero() -> None:
    assert Change("p", "prefill", "c", "requests", 100, 3).by == 3
