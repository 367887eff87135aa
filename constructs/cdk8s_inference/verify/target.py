"""Where a deployment is asked, and where its servers say what they count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdk8s_inference.verify.evidence import Part
from cdk8s_inference.verify.exchange import Send


@dataclass(frozen=True)
class Counted:
    """A server that counts.

    Attributes:
        name: The pod, or the address.
        part: What it is.
        sends: The ways to its metrics: the first that answers with 200 counts.
        path: Where they are.
    """

    name: str
    part: Part
    sends: Sequence[Send]
    path: str = "/metrics"


@dataclass(frozen=True)
class Target:
    """A deployment to be asked.

    Attributes:
        name: Its name, with its namespace.
        address: Where it is asked, for people.
        send: How; None where no way to it is known.
        counted: Its engines and pickers.
        model: The model to ask for; None to ask which there is.
        meant_apart: Whether prefill and decode are meant to be apart.
        problem: Why it cannot be asked, where it cannot.
    """

    name: str
    address: str
    send: Send | None
    counted: tuple[Counted, ...]
    model: str | None
    meant_apart: bool
    problem: str = ""
