"""Which port an engine listens on, and which ports the serving layer keeps for itself."""

from __future__ import annotations

from cdk8s_inference.spec.flags import uses
from cdk8s_inference.spec.model_deployment import Engine

SERVING_PORT = 8000
"""The port that takes requests on every serving pod: the engine's own, or on decode pods the
pd-sidecar's, which calls prefill pods on this same port."""

DECODE_PORT = 8001
"""Where a decode engine listens, behind the sidecar, unless its ``--port`` says otherwise."""


def parse_port(text: str | None) -> int | None:
    """The port a flag's value names; None where it names none."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 5:
        return None
    return int(text) if 1 <= int(text) <= 65535 else None


def engine_port(engine: Engine) -> int:
    """The port of an engine's own HTTP server: its ``--port``, or its phase's default.

    The default is 8000, and 8001 for a decode engine.
    """
    container = engine.serving_member.container
    for use in uses(container.command, container.args, "--port"):
        if (port := parse_port(use.value)) is not None:
            return port
    return DECODE_PORT if engine.phase == "Decode" else SERVING_PORT
