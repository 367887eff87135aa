"""Pairs of SGLang's prefill and decode, each with one thing changed.

The base is what ``examples/apps/sglang.py`` composes. Docs/proof.md shows this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from tests.acceptance.cluster import Object
from tests.real_engines.pair import pair_of

_MODE = "--disaggregation-mode"
_BACKEND = "--disaggregation-transfer-backend"
_PORT = "--disaggregation-bootstrap-port"
_ADDRESS = "SGLANG_HOST_IP"


@dataclass(frozen=True)
class Change:
    """What is changed of a composed pod.

    Attributes:
        flags: What flags say instead or in addition: empty for one without a value, None where it
            is left out.
        model: What is loaded.
        env: Variables that are set.
    """

    flags: Mapping[str, str | None] = field(default_factory=dict)
    model: str = "tiny"
    env: Mapping[str, str] = field(default_factory=dict)

    def apply(self, pod: Object) -> Object:
        """The pod with the change."""
        changed: Object = deepcopy(pod)
        (container,) = changed["spec"]["containers"]
        kept = [each for each in container["args"] if each.partition("=")[0] not in self.flags]
        given = [
            f"{name}={value}" if value else name
            for name, value in self.flags.items()
            if value is not None
        ]
        container["args"] = [*kept, *given]
        container["env"] += [{"name": name, "value": text} for name, text in self.env.items()]
        return changed


SAME = Change()
UNIFIED = Change({_MODE: None, _BACKEND: None})
"""One engine that does it all."""


def given(flag: str, value: str | None = "", model: str = "tiny") -> Change:
    """A flag that is changed."""
    return Change({flag: value}, model)


pair = pair_of(SAME)

_WEIGHTS = "what a path holds is not in manifests"

PAIRS = (
    # What works.
    pair("as composed", "P/D"),
    pair(
        "pages of 32 tokens on both",
        "P/D",
        prefill=given("--page-size", "32"),
        decode=given("--page-size", "32"),
    ),
    pair("another --random-seed on decode", "P/D", decode=given("--random-seed", "9")),
    pair("--disable-radix-cache on prefill", "P/D", prefill=given("--disable-radix-cache")),
    pair("chunks of 64 tokens on prefill", "P/D", prefill=given("--chunked-prefill-size", "64")),
    pair("mooncake_tcp on prefill", "P/D", prefill=given(_BACKEND, "mooncake_tcp")),
    pair(
        "another --served-model-name on prefill",
        "P/D",
        prefill=given("--served-model-name", "other"),
    ),
    # 200 with wrong text.
    pair("--dtype bfloat16 on decode", "wrong output", "T306", decode=given("--dtype", "bfloat16")),
    pair(
        "another model on decode",
        "wrong output",
        "T304",
        decode=Change(
            {"--model-path": "Qwen/Qwen3-4B", "--served-model-name": "Qwen/Qwen3-8B"},
            "other weights",
        ),
    ),
    pair(
        "other weights at the same path",
        "wrong output",
        prefill=Change(model="other weights"),
        untold=_WEIGHTS,
    ),
    pair(
        "three layers instead of two at the same path",
        "wrong output",
        decode=Change(model="three layers"),
        untold=_WEIGHTS,
    ),
    # 200, and decode computes the prompt.
    pair("no --disaggregation-mode on decode", "recomputed", "T312", decode=given(_MODE, None)),
    # Decode ends.
    pair(
        "pages of 32 tokens on prefill, 64 on decode",
        "decode ends",
        "T308",
        given("--page-size", "32"),
        given("--page-size", "64"),
    ),
    pair(
        "pages of 64 tokens on prefill, 32 on decode",
        "decode ends",
        "T307",
        given("--page-size", "64"),
        given("--page-size", "32"),
    ),
    pair(
        "another --kv-cache-dtype on decode",
        "decode ends",
        "T306",
        decode=given("--kv-cache-dtype", "bfloat16"),
    ),
    pair("the fake backend on decode", "decode ends", "T303", decode=given(_BACKEND, "fake")),
    # Errors.
    pair("no --disaggregation-mode on prefill", "500", "T312", prefill=given(_MODE, None)),
    pair("another bootstrap port on prefill", "500", "T212", prefill=given(_PORT, "9998")),
    pair(
        f"{_ADDRESS} 127.0.0.1 on prefill",
        "no answer",
        "T327",
        prefill=Change(env={_ADDRESS: "127.0.0.1"}),
    ),
    pair(
        f"{_ADDRESS} 127.0.0.1 on decode",
        "no answer",
        "T327",
        decode=Change(env={_ADDRESS: "127.0.0.1"}),
    ),
    pair("the mode of prefill on decode", "no answer", "T312", decode=given(_MODE, "prefill")),
    pair(
        "a shorter --context-length on decode",
        "400",
        decode=given("--context-length", "256"),
        untold="short prompts are served",
    ),
    # An engine does not start.
    pair(
        "an unknown --disaggregation-mode on prefill",
        "does not start",
        "T312",
        prefill=given(_MODE, "both"),
    ),
    pair(
        "an unknown backend on prefill",
        "does not start",
        "T303",
        prefill=given(_BACKEND, "nccl"),
    ),
    pair(
        f"another address as {_ADDRESS} on prefill",
        "does not start",
        "T327",
        prefill=Change(env={_ADDRESS: "192.0.2.1"}),
    ),
    pair(
        f"another address as {_ADDRESS} on decode",
        "does not start",
        "T327",
        decode=Change(env={_ADDRESS: "192.0.2.1"}),
    ),
)
