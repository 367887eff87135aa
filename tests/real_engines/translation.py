"""How the command line and environment of a composed pod become those of an engine on a processor.

Everything else is run as composed. What is changed for each server:

| composed | run | why |
| --- | --- | --- |
| the image | its release, installed | there are no images here |
| the model | a tiny one, under the same path below the engine's folder | nothing is downloaded |
| ranks over GPUs: tensor and pipeline parallelism | left out | there are no GPUs |
| the share of a GPU's memory | the size of the KV cache | no GPU's memory to divide |
| transfers | over TCP on ``eth0`` | there is no RDMA |
| ``HOME`` | the engine's folder | it is a volume of the pod |

``VLLM`` and ``SGLANG`` say what that is for each. For SGLang also:

| composed | run | why |
| --- | --- | --- |
| no ``--device`` and backends | those of a processor | it takes those of CUDA otherwise |
| CUDA graphs, overlapped scheduling | off | they need CUDA's streams and events |
| how decode keeps a request that it puts off | not at all | it pins memory by CUDA otherwise |
| no ``SGLANG_HOST_IP`` | the pod's address | it is found by a default route otherwise |

One thing is changed in SGLang's code: see ``parent.py``.

Addresses and ports are as composed: every pod has a network namespace of its own. A pod with the
variable :data:`KEEP_RANKS` keeps its ranks, which then are processes.

It needs Python's own library alone, so that it starts at once.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KEEP_RANKS = "REAL_ENGINES_KEEP_RANKS"
_SIOCGIFADDR = 0x8915
_INTERFACE = "eth0"


@dataclass(frozen=True)
class Translation:
    """What is changed for a server.

    Attributes:
        entrypoint: What the image runs where a container names no command.
        program: The words that start the server, before its own arguments.
        module: What these words run, as ``__main__``.
        models: The flags that name the model.
        ranks: Flags that divide an engine over GPUs, left out where the ranks are not kept.
        left_out: Flags that are left out, each with its value.
        added: Flags that are added.
        variables: Variables that are set.
        caches: A variable that names a folder which all engines share; empty for none.
        address: A variable that names the pod's address; empty for none.
    """

    entrypoint: tuple[str, ...]
    program: tuple[str, ...]
    module: str
    models: tuple[str, ...]
    ranks: tuple[str, ...]
    left_out: tuple[str, ...]
    added: tuple[str, ...]
    variables: Mapping[str, str]
    caches: str = ""
    address: str = ""

    def arguments(
        self, composed: Sequence[str], home: Path, model: Path, *, keep_ranks: bool = False
    ) -> list[str]:
        """The arguments of the module.

        Args:
            composed: What the pod says, after the words that start the server.
            home: The engine's folder, where it is started.
            model: What is put in place of the model.
            keep_ranks: Whether it has the ranks that the pod says, instead of one.
        """
        left_out = self.left_out if keep_ranks else (*self.left_out, *self.ranks)
        kept: list[str] = []
        words = iter(composed)
        loaded, served = "", False
        for word in words:
            name, given, value = word.partition("=")
            if name in left_out:
                if not given:
                    next(words, None)
            elif name in self.models:
                loaded = value if given else next(words, "")
                kept.append(f"{name}={_placed(loaded, home, model)}")
            elif kept == ["serve"] and not word.startswith("-"):
                loaded = word
                kept.append(_placed(loaded, home, model))
            else:
                served = served or name.replace("_", "-") == "--served-model-name"
                kept.append(word)
        if loaded.startswith("/") and not served:
            kept.append(f"--served-model-name={loaded}")
        return [*kept, *self.added]

    def environment(self, composed: Mapping[str, str], home: Path) -> dict[str, str]:
        """The environment, with what a processor and this network need."""
        made = {**composed, **self.variables, "HOME": str(home)}
        if self.caches:
            made[self.caches] = str(home.parent / "cache")
        if self.address:
            made.setdefault(self.address, _address())
        return made


VLLM = Translation(
    entrypoint=("vllm", "serve"),
    program=("vllm",),
    module="vllm.entrypoints.cli.main",
    models=("--model",),
    ranks=("--tensor-parallel-size", "-tp", "--pipeline-parallel-size", "-pp"),
    left_out=("--gpu-memory-utilization",),
    # No compilation, and room for one prompt of the longest length.
    added=("--enforce-eager", "--max-num-seqs=4", "--kv-cache-memory-bytes=268435456"),
    variables={
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_TARGET_DEVICE": "cpu",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "UCX_TLS": "tcp,self",
        "UCX_NET_DEVICES": _INTERFACE,
        "GLOO_SOCKET_IFNAME": _INTERFACE,
    },
    caches="VLLM_CACHE_ROOT",
)
SGLANG = Translation(
    entrypoint=("bash",),
    program=("python3", "-m", "sglang.launch_server"),
    module="sglang.launch_server",
    models=("--model-path", "--model"),
    ranks=("--tensor-parallel-size", "--tp-size", "--pipeline-parallel-size", "--pp-size"),
    left_out=("--mem-fraction-static",),
    added=(
        "--device=cpu",
        "--attention-backend=torch_native",
        "--sampling-backend=pytorch",
        "--cuda-graph-backend-decode=disabled",
        "--cuda-graph-backend-prefill=disabled",
        "--disable-overlap-schedule",
        "--disaggregation-decode-retraction-backup=none",
        "--max-running-requests=4",
        "--max-total-tokens=16384",
        # Engines share few cores.
        "--sleep-on-idle",
    ),
    variables={
        "HF_HUB_OFFLINE": "1",
        "SGLANG_USE_CPU_ENGINE": "1",
        "OMP_NUM_THREADS": "1",
        "MC_FORCE_TCP": "1",
        "MOONCAKE_PROTOCOL": "tcp",
        "GLOO_SOCKET_IFNAME": _INTERFACE,
    },
    address="SGLANG_HOST_IP",
)


def of(words: Sequence[str]) -> tuple[Translation, Sequence[str]]:
    """The translation of a command line, and the arguments of what it starts."""
    for each in (VLLM, SGLANG):
        if (*words[: len(each.program)],) == each.program:
            return each, words[len(each.program) :]
    raise ValueError(f"no server is started by {words[:3]}")


def _placed(composed: str, home: Path, model: Path) -> str:
    """Puts a model where the pod says, below the engine's folder; says it relative to that."""
    relative = composed.lstrip("/")
    link = home / relative
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(model)
    return relative


def _address() -> str:
    """The address of this network's interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        told = fcntl.ioctl(asked, _SIOCGIFADDR, struct.pack("256s", _INTERFACE.encode()))
    return socket.inet_ntoa(told[20:24])
