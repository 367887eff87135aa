"""Which inference engine a container runs, told by its flags, its command, its image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from cdk8s_inference.servers.command_line import uses, words

Runtime = Literal["vllm", "sglang", "trtllm"]

KV_TRANSFER_CONFIG = ("--kv-transfer-config", "--kv_transfer_config")
KV_CONNECTOR = tuple(f"{flag}.kv_connector" for flag in KV_TRANSFER_CONFIG)
DISAGGREGATION_MODE = "--disaggregation-mode"
TRANSFER_BACKEND = "--disaggregation-transfer-backend"

_FLAGS: dict[Runtime, tuple[str, ...]] = {
    "vllm": (*KV_TRANSFER_CONFIG, *KV_CONNECTOR),
    "sglang": (DISAGGREGATION_MODE, TRANSFER_BACKEND),
}
_PROGRAMS: dict[str, Runtime] = {
    "vllm": "vllm",
    "vllm.entrypoints.openai.api_server": "vllm",
    "sglang": "sglang",
    "sglang.launch_server": "sglang",
    "trtllm-serve": "trtllm",
    "trtllm-llmapi-launch": "trtllm",
}
_OTHER_PACKAGES = frozenset({"dynamo", "sglang_router"})
"""Python packages of which programs run in an engine's image, with its flags, and serve otherwise.

SGLang's router and Dynamo's frontend are no engines, and Dynamo's workers take no requests over
HTTP: they register with the frontend, which reaches them over a transport of its own.
"""

_IMAGES: dict[str, Runtime] = {
    "sglang": "sglang",
    "tensorrt-llm": "trtllm",
    "tensorrtllm": "trtllm",
    "trtllm": "trtllm",
    "vllm": "vllm",
}


def runtime(command: Sequence[str], args: Sequence[str], image: str) -> Runtime | None:
    """The engine that a container runs; None where nothing says so.

    >>> runtime(["python3", "-m", "sglang.launch_server"], ["--port=8000"], "registry/llm:1")
    'sglang'
    """
    said = words(command, args)
    if any(
        option == "-m" and module.partition(".")[0] in _OTHER_PACKAGES
        for option, module in pairwise(said)
    ):
        return None
    for name, flags in _FLAGS.items():
        if uses(command, args, *flags):
            return name
    before = ""
    for word in said:
        found = _PROGRAMS.get(word.rpartition("/")[2])
        # After a flag is its value: a model may well be named for an engine.
        if found and not before.startswith("--"):
            return found
        before = word
    return next((name for part, name in _IMAGES.items() if part in image), None)
