"""The prefix cache's block, read from an engine's own flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk8s_inference.servers import SGLANG, VLLM
from cdk8s_inference.servers.command_line import last_use

if TYPE_CHECKING:
    from cdk8s_inference.document.model_deployment import Engine

VLLM_BLOCK_TOKENS = VLLM.block_tokens or 16
"""vLLM's block on CUDA where ``--block-size`` is not given."""

_FLAGS = tuple(filter(None, (VLLM.names.block_size, SGLANG.names.block_size)))


@dataclass(frozen=True)
class BlockSize:
    """How many tokens an engine caches together.

    Attributes:
        tokens: The number.
        flag: The flag that said so; None where it is the default.
    """

    tokens: int
    flag: str | None = None


def block_size(
    command: Sequence[str] | None, args: Sequence[str] | None, default: int = VLLM_BLOCK_TOKENS
) -> BlockSize:
    """The block size of an engine: vLLM's ``--block-size``, SGLang's ``--page-size``.

    >>> block_size(None, ["--block-size=128"])
    BlockSize(tokens=128, flag='--block-size')

    Args:
        command: The engine container's command.
        args: Its arguments.
        default: What it is where no flag says a positive number.
    """
    for flag in _FLAGS:
        said = last_use(command, args, flag)
        value = said.value if said else None
        if value and value.isascii() and value.isdigit() and len(value) < 10 and int(value):
            return BlockSize(int(value), flag)
    return BlockSize(default)


def engine_block_size(engine: Engine) -> BlockSize:
    """The block size of an engine, by the flags of the member that serves."""
    container = engine.serving_member.container
    return block_size(container.command, container.args)
