"""What was sent to a deployment, and what its servers counted meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["prefill", "decode", "engine", "picker"]
"""What counted: an engine of a role, one whose role is not known, or a picker."""

Meaning = Literal[
    "requests",
    "prompt tokens",
    "generated tokens",
    "handed over",
    "sent",
    "decided apart",
    "decided alone",
]
"""What is counted: ``handed over`` is what decode took of a cache, ``sent`` what prefill gave."""


@dataclass(frozen=True)
class Load:
    """What is sent to a deployment: one short prompt, and then long ones, one after the other.

    Attributes:
        requests: Long prompts.
        words: Words of each long prompt, of five digits that nobody has sent before; a tokenizer
            makes two to five tokens of each.
        max_tokens: Tokens that each answer may have, two at least: prefill generates one.
    """

    requests: int = 3
    words: int = 512
    max_tokens: int = 8

    def __str__(self) -> str:
        return (
            f"1 short prompt and {self.requests} long ones of {self.words} words, "
            f"{self.max_tokens} tokens each at most"
        )


@dataclass(frozen=True)
class Answer:
    """What came of a prompt.

    Attributes:
        prompt: Which prompt it was.
        status: The HTTP status; None where there was no answer.
        seconds: How long it took.
        reason: Why there was no answer, or what a refusal said; empty for an answer of 200.
    """

    prompt: Literal["short", "long"]
    status: int | None
    seconds: float
    reason: str = ""

    @property
    def answered(self) -> bool:
        """Whether it was answered with 200."""
        return self.status == 200


@dataclass(frozen=True)
class Change:
    """A counter of a server, before the long prompts and after them.

    Attributes:
        server: The pod, or the address that was given.
        part: What it is.
        counter: The counter's name, with labels where these matter.
        meaning: What it counts.
        before: Its value before; 0 where the server did not have it yet.
        after: Its value after.
    """

    server: str
    part: Part
    counter: str
    meaning: Meaning
    before: float
    after: float

    @property
    def by(self) -> float:
        """How much it grew; a server that was restarted counts from zero."""
        return self.after - self.before if self.after >= self.before else self.after


@dataclass(frozen=True)
class Evidence:
    """All that a verdict is made from.

    Attributes:
        meant_apart: Whether prefill and decode are meant to be apart.
        load: What was sent.
        answers: What came of it.
        changes: What the servers counted for the long prompts.
        unread: Servers whose counters could not be read, and why, in words.
        errors: Codes of rules that say of its objects that it cannot work.
    """

    meant_apart: bool
    load: Load
    answers: tuple[Answer, ...] = ()
    changes: tuple[Change, ...] = ()
    unread: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
