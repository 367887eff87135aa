"""What evidence says of a deployment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.verify.evidence import Change, Evidence, Meaning, Part

Outcome = Literal["disaggregates", "decode-only", "does not answer", "answers", "unknown"]
"""``decode-only``: one engine did all of a prompt. ``answers``: and is not meant to be apart.
``unknown``: it answers, and which engine did what cannot be told."""


@dataclass(frozen=True)
class Verdict:
    """What is said of a deployment.

    Attributes:
        outcome: What it does.
        reason: Why that is said.
    """

    outcome: Outcome
    reason: str

    @property
    def is_good(self) -> bool:
        """Whether it does what it is meant to do."""
        return self.outcome in ("disaggregates", "answers")

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"


def decide(evidence: Evidence) -> Verdict:
    """What evidence says: nothing but its counters and answers is asked."""
    failed = [each for each in evidence.answers if not each.answered]
    if failed:
        first, of = failed[0], len(evidence.answers)
        said = f"{len(failed)} of {of} prompts failed; the {first.prompt} one: {first.reason}"
        return Verdict("does not answer", said)
    if not evidence.answers:
        return Verdict("does not answer", "nothing was sent")
    if not evidence.meant_apart:
        count = len(evidence.answers)
        return Verdict("answers", f"all {count} prompts; it is not meant to be apart")
    return _of_engines(evidence)


def _of_engines(evidence: Evidence) -> Verdict:
    wanted = sum(each.prompt == "long" for each in evidence.answers)
    engines = [each for each in evidence.changes if each.part != "picker"]
    requests = _by_server(engines, "requests")
    if not requests:
        unread = "; ".join(evidence.unread) or "no counter of an engine was read"
        return Verdict("unknown", f"which engines did the work is not known: {unread}")
    parts: dict[str, Part] = {each.server: each.part for each in engines}
    generated = _by_server(engines, "generated tokens")
    prefilled = decoded = 0.0
    for server, count in requests.items():
        part = parts[server]
        if part == "engine":
            # Prefill is asked for one token of each prompt.
            one_each = server in generated and generated[server] <= count
            part = "prefill" if one_each else "decode"
        if part == "prefill":
            prefilled += count
        else:
            decoded += count
    said = f"for {wanted} long prompts prefill engines counted {prefilled:g} requests"
    said += f" and decode engines {decoded:g}"
    if prefilled + decoded < wanted:
        unread = "; ".join(evidence.unread) or "others answered than those that were read"
        return Verdict("unknown", f"{said}: {unread}")
    handed = [each for each in engines if _tells_hand_over(each)]
    if prefilled < wanted or decoded < wanted:
        return Verdict("decode-only", said)
    if handed and not any(each.by for each in handed):
        return Verdict(
            "decode-only", f"{said}, but nothing was handed over: decode prefilled again"
        )
    if not handed and evidence.errors:
        codes = ", ".join(evidence.errors)
        what = "these engines do not count whether anything was handed over"
        return Verdict("unknown", f"{said}; {what}, and by {codes} it cannot be")
    return Verdict("disaggregates", said)


def _tells_hand_over(change: Change) -> bool:
    """Whether a counter tells what prefill handed over to decode.

    Prefill may take a cache itself, as of an offloading connector.
    """
    taken = change.meaning == "handed over" and change.part != "prefill"
    return taken or (change.meaning == "sent" and change.part != "decode")


def _by_server(changes: Iterable[Change], meaning: Meaning) -> dict[str, float]:
    """How much the counters of a meaning grew, by server."""
    found: dict[str, float] = defaultdict(float)
    for each in changes:
        if each.meaning == meaning:
            found[each.server] += each.by
    return found
