"""How long an engine finishes running requests after it is asked to stop."""

from __future__ import annotations

import math

from cdk8s_inference.document.model_deployment import Engine
from cdk8s_inference.servers import VLLM, Invocation, flags_given

_LONGEST_SECONDS = 86400


def drain_seconds(engine: Engine, default: int) -> int:
    """The engine's ``--shutdown-timeout``, which is vLLM's; the default where it gives none."""
    container = engine.serving_member.container
    given = Invocation(VLLM, None, flags_given(container.command, container.args))
    said = given.text(str(VLLM.names.drain))
    try:
        seconds = default if said is None else float(said)
    except ValueError:
        return default
    return math.ceil(seconds) if 0 <= seconds <= _LONGEST_SECONDS else default
