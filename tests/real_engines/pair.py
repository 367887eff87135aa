"""Pairs of prefill and decode, each with one thing changed, and what real engines do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from tests.acceptance.cluster import Object
from tests.real_engines.engines import workload
from tests.real_engines.outcome import Verdict


class Change(Protocol):
    """What is changed of a composed pod."""

    @property
    def model(self) -> str:
        """What is loaded."""

    def apply(self, pod: Object) -> Object:
        """The pod with the change."""


C = TypeVar("C", bound=Change)


@dataclass(frozen=True)
class Pair(Generic[C]):
    """A prefill engine and a decode engine.

    Attributes:
        what: What is changed, in words.
        verdict: What comes of it.
        code: The rule that tells it from the manifests; empty where none does. Where it works, the
            rule warns of other models.
        prefill: What is changed of prefill.
        decode: What is changed of decode.
        then: What happens between the two requests: prefill is killed, its side channel is where
            nobody listens, or its lease is over and other prompts have taken its blocks; or that
            another prefill pod of the same Deployment hands over next.
        untold: Why manifests do not show what no rule tells.
        words: How long the prompt is.
        needs: What the processor must have, as ``/proc/cpuinfo`` says; empty for any.
    """

    what: str
    verdict: Verdict
    code: str
    prefill: C
    decode: C
    then: Literal["", "killed", "nobody", "lease over", "next pod"] = ""
    untold: str = ""
    words: int = 60
    needs: str = ""

    @property
    def changes(self) -> Sequence[tuple[str, C]]:
        """Each part with what is changed of it."""
        return ("prefill", self.prefill), ("decode", self.decode)


def pair_of(same: C) -> Callable[..., Pair[C]]:
    """What makes a pair, of which a part that is not given is the same as composed."""

    def pair(
        what: str,
        verdict: Verdict,
        code: str = "",
        prefill: C = same,
        decode: C = same,
        **more: Any,
    ) -> Pair[C]:
        return Pair(what, verdict, code, prefill, decode, **more)

    return pair


def changed(objects: Iterable[Object], pair: Pair[C]) -> list[Object]:
    """The objects of a deployment with the changes of a pair."""
    made = deepcopy(list(objects))
    for part, change in pair.changes:
        spec = workload(made, part)["spec"]
        spec["template"] = change.apply(spec["template"])
    return made


def table(pairs: Iterable[Pair[C]]) -> str:
    """Pairs as docs/proof.md shows them."""
    rows = [f"| {each.what} | {each.verdict} | {each.code} |" for each in pairs]
    return "\n".join(["| changed | what comes of it | told by |", "| --- | --- | --- |", *rows])
