"""How the command line and environment of a composed pod become those of an engine on a processor.

Everything else is run as composed. What is changed:

| composed | run | why |
| --- | --- | --- |
| the image | vLLM of its release, by the image's entrypoint | there are no images here |
| the model | a tiny one, under the same path below the engine's folder | nothing is downloaded |
| ``--tensor-parallel-size``, ``--pipeline-parallel-size`` | left out | there are no GPUs |
| ``--gpu-memory-utilization`` | ``--kv-cache-memory-bytes`` | no GPU's memory to divide |
| UCX and Gloo | over TCP on ``eth0`` | there is no RDMA |
| ``HOME`` | the engine's folder, and vLLM's cache beside it | it is a volume of the pod |

Addresses and ports are as composed: every pod has a network namespace of its own.

It needs Python's own library alone, so that it starts at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

ONLY_GPUS = (
    "--tensor-parallel-size",
    "-tp",
    "--pipeline-parallel-size",
    "-pp",
    "--gpu-memory-utilization",
)
SMALL = ("--enforce-eager", "--max-num-seqs=4", "--kv-cache-memory-bytes=268435456")
"""No compilation, and room for one prompt of the longest length."""

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "UCX_TLS": "tcp,self",
    "UCX_NET_DEVICES": "eth0",
    "GLOO_SOCKET_IFNAME": "eth0",
}


def arguments(composed: Sequence[str], home: Path, model: Path) -> list[str]:
    """The arguments of ``vllm``.

    Args:
        composed: What the pod says.
        home: The engine's folder, where it is started.
        model: What is put in place of the model.
    """
    kept: list[str] = []
    words = iter(composed)
    loaded, served = "", False
    for word in words:
        name, given, value = word.partition("=")
        if name in ONLY_GPUS:
            if not given:
                next(words, None)
        elif name == "--model":
            loaded = value if given else next(words, "")
            kept.append(f"--model={_placed(loaded, home, model)}")
        elif kept == ["serve"] and not word.startswith("-"):
            loaded = word
            kept.append(_placed(loaded, home, model))
        else:
            served = served or name.replace("_", "-") == "--served-model-name"
            kept.append(word)
    if loaded.startswith("/") and not served:
        kept.append(f"--served-model-name={loaded}")
    return [*kept, *SMALL]


def environment(composed: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment, with what a processor and this network need."""
    return {
        **composed,
        **ENVIRONMENT,
        "HOME": str(home),
        "VLLM_CACHE_ROOT": str(home.parent / "cache"),
    }


def _placed(composed: str, home: Path, model: Path) -> str:
    """Puts a model where the pod says, below the engine's folder; says it relative to that."""
    relative = composed.lstrip("/")
    link = home / relative
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(model)
    return relative
