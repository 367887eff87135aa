"""How the pd-sidecar hands a prompt's KV cache from prefill to decode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ServingEngine = Literal["sglang", "vllm"]


@dataclass(frozen=True)
class Connector:
    """A value of the sidecar's flag ``kv-connector``.

    Attributes:
        name: The value.
        engine: The engine whose requests it speaks. The sidecar does not ask: with a wrong one
            prefill and decode both run, and no cache is handed over (seen run).
        engine_connectors: The engine's own names of the transport, one of which its flags must
            choose (vLLM: ``kv_connector`` in ``--kv-transfer-config``; SGLang:
            ``--disaggregation-transfer-backend``).
        flags: Further flags of the sidecar that only this connector reads.
        bootstrap_port_flag: The sidecar's flag for the prefill engine's bootstrap port.
        bootstrap_port_env: The sidecar's environment variable for it, where it has no flag.
        bootstrap_port: Where the prefill engine listens unless told otherwise.
    """

    name: str
    engine: ServingEngine
    engine_connectors: tuple[str, ...]
    flags: tuple[str, ...] = ()
    bootstrap_port_flag: str | None = None
    bootstrap_port_env: str | None = None
    bootstrap_port: int | None = None
