"""How long an engine finishes running requests after it is asked to stop."""

from __future__ import annotations

import math

from cdk8s_inference.document.model_deployment import Engine
from cdk8s_inference.servers.command_line import last_use

_LONGEST_SECONDS = 86400


def drain_seconds(engine: Engine, default: int) -> int:
    """The engine's ``--shutdown-timeout``, which is vLLM's; the default where it gives none."""
    container = engine.serving_member.container
    flags = ("--shutdown-timeout", "--shutdown_timeout")
    said = last_use(container.command, container.args, *flags)
    try:
        seconds = float(said.value or "") if said else default
    except ValueError:
        return default
    return math.ceil(seconds) if 0 <= seconds <= _LONGEST_SECONDS else default
