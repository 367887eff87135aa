"""Which port an engine listens on, and which ports the serving layer keeps for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdk8s_inference.document.model_deployment import Engine
from cdk8s_inference.servers import COMMON, VLLM
from cdk8s_inference.servers.command_line import last_use

PORT_FLAG = str(COMMON.port)

SERVING_PORT = 8000
"""The port that takes requests on every serving pod: the engine's own, or on decode pods the
pd-sidecar's, which calls prefill pods on this same port."""

DECODE_PORT = 8001
"""Where a decode engine listens, behind the sidecar, unless its ``--port`` says otherwise."""

DECODE_RANKS_PORT = 8200
"""Where its first data-parallel rank listens: the sidecar takes 8000 to 8007 for eight of them."""


@dataclass(frozen=True)
class Listening:
    """Where a serving pod's engine listens.

    Attributes:
        ports: One for each data-parallel rank, contiguous.
        health: The port that is asked whether the engine is well: with several ranks that of
            the supervisor, where the flags name one, since a rank knows of itself alone.
    """

    ports: tuple[int, ...]
    health: int


def parse_port(text: str | None) -> int | None:
    """The port a flag's value names; None where it names none."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 5:
        return None
    return int(text) if 1 <= int(text) <= 65535 else None


def engine_port(engine: Engine) -> int:
    """The port of an engine's own HTTP server: its ``--port``, or its phase's default.

    The default is 8000; for a decode engine 8001, and 8200 where it has several ranks.
    """
    container = engine.serving_member.container
    given = given_port(container.command, container.args)
    return given or default_port(engine.stage, engine.rank_count)


def given_port(command: Sequence[str] | None, args: Sequence[str] | None) -> int | None:
    """The port that ``--port`` names; of several the last, which is what engines' parsers take.

    Modelplane takes the first, and forwards to where nothing listens.
    """
    use = last_use(command, args, PORT_FLAG)
    return parse_port(use.value) if use else None


def default_port(phase: str | None, ranks: int) -> int:
    """Where an engine listens that has no ``--port``."""
    if phase != "Decode":
        return SERVING_PORT
    return DECODE_PORT if ranks == 1 else DECODE_RANKS_PORT


def rank_ports(first: int, ranks: int) -> tuple[int, ...]:
    """The ports of data-parallel ranks."""
    return tuple(range(first, first + ranks))


def listening(engine: Engine) -> Listening:
    """Where an engine's serving pods listen."""
    ports = rank_ports(engine_port(engine), engine.rank_count)
    container = engine.serving_member.container
    said = last_use(container.command, container.args, str(VLLM.names.supervisor_port))
    supervisor = parse_port(said.value) if said and len(ports) > 1 else None
    return Listening(ports, supervisor or ports[0])
