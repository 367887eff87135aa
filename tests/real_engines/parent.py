"""Imports a server once and forks an engine for each request; run by the Python that has it.

usage: parent.py SERVER SOCKET

``launch.py`` is the other end of the socket. A request is a line of JSON (``module``, which is run
as ``__main__``, ``argv``, ``env`` and ``cwd``) with the file descriptors of output, errors and
network namespace; the answer is a line with the exit code. What the other end sends in the meantime
asks what runs to terminate; where that end goes away, it is killed. An engine is the server's own
command line in a session of its own. What is changed in its code: what it spawns is forked too, and
loops of vLLM and NIXL that look for work without a pause have one, since engines share cores. For
SGLang, whose package of kernels is for GPUs, there is a stand-in of which nothing can be called;
and prefill hands the indices of pages to its sender as they are, not with an event of CUDA.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import importlib
import json
import multiprocessing
import os
import runpy
import selectors
import signal
import socket
import sys
import time
import traceback
import types
from collections.abc import Callable
from typing import Any

PRELOADED = {
    "vllm": (
        "vllm.entrypoints.cli.main",
        "vllm.entrypoints.cli.serve",
        "vllm.entrypoints.openai.api_server",
        "vllm.v1.engine.core",
        "vllm.v1.executor.multiproc_executor",
        "vllm.v1.worker.cpu_worker",
        "vllm.v1.worker.cpu_model_runner",
        "vllm.v1.attention.backends.cpu_attn",
        "vllm.model_executor.models.qwen2",
        "vllm.distributed.kv_transfer.kv_connector.v1.nixl",
        "vllm.v1.structured_output",
        "nixl._api",
    ),
    "sglang": (
        "sglang.launch_server",
        "sglang.srt.entrypoints.http_server",
        "sglang.srt.managers.scheduler",
        "sglang.srt.managers.detokenizer_manager",
        "sglang.srt.disaggregation.mooncake.conn",
        "sglang.srt.layers.attention.torch_native_backend",
        "sglang.srt.models.qwen2",
        "mooncake.engine",
    ),
}
ABSENT = {"vllm": (), "sglang": ("sgl_kernel",)}
PAUSE = 0.001
"""Seconds between two looks of an engine for work."""
NEW_NETWORK = 0x40000000
"""``CLONE_NEWNET``, for ``setns``."""


class Absent(types.ModuleType):
    """In place of a package that is not installed: what is imported from it cannot be called."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*_: Any, **__: Any) -> None:
            raise NotImplementedError(f"{self.__name__}.{name} is not installed")

        return call


def preload(server: str) -> None:
    """Imports what an engine imports, and lets it fork what it would spawn."""
    for name in ABSENT[server]:
        sys.modules[name] = Absent(name)
    for name in PRELOADED[server]:
        importlib.import_module(name)
    {"vllm": adapt_vllm, "sglang": adapt_sglang}[server]()


def adapt_vllm() -> None:
    """Has it fork, pause where it looks for work, and use AMX."""
    for name, module in list(sys.modules.items()):
        if name.startswith("vllm") and hasattr(module, "get_mp_context"):
            module.get_mp_context = lambda: multiprocessing.get_context("fork")  # type: ignore[attr-defined]
    # A worker has no pause for a second after its last work, and NIXL's thread never: with engines
    # on two cores a hand-over took 20 s, and takes 0.3 s.
    broadcast = importlib.import_module("vllm.distributed.device_communicators.shm_broadcast")
    broadcast.sched_yield = lambda: time.sleep(PAUSE)  # type: ignore[attr-defined]
    binding = importlib.import_module("nixl._api").nixlBind

    class Config(binding.nixlAgentConfig):  # type: ignore[misc, name-defined]
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, int(PAUSE * 1e6) if name == "pthrDelay" else value)

    binding.nixlAgentConfig = Config
    # Attention uses it where the processor has it. An engine for which nobody had asked the kernel
    # was killed (SIGILL).
    importlib.import_module("torch").cpu._init_amx()


def adapt_sglang() -> None:
    """Has it fork, and hand over without CUDA's events."""
    multiprocessing.set_start_method("fork", force=True)
    multiprocessing.set_start_method = lambda *_, **__: None
    connection = importlib.import_module("sglang.srt.disaggregation.mooncake.conn")
    connection.MooncakeKVSender.supports_host_tensor_indices = False


def run(order: dict[str, Any], files: list[int]) -> int:
    """Becomes the engine."""
    out, errors, network = files
    if ctypes.CDLL(None, use_errno=True).setns(network, NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(errors, 2)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = [order["module"], *order["argv"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
    return 0


def fork(order: dict[str, Any], files: list[int]) -> int:
    """Forks an engine; says its process id."""
    if (pid := os.fork()) != 0:
        return pid
    code = 1
    try:
        os.setsid()
        code = run(order, files)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def received(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """An order and its files."""
    files = array.array("i")
    data, control, *_ = link.recvmsg(1 << 16, socket.CMSG_SPACE(3 * files.itemsize))
    for _, _, found in control:
        files.frombytes(found)
    while not data.endswith(b"\n"):
        data += link.recv(1 << 16)
    return json.loads(data), list(files)


class Engine:
    """An engine that was forked, and who asked for it."""

    def __init__(self, link: socket.socket) -> None:
        order, files = received(link)
        self.link = link
        self.pid = fork(order, files)
        self.descriptor = os.pidfd_open(self.pid)
        for each in files:
            os.close(each)

    def heard(self) -> bool:
        """Whether the other end is there, and asks it to terminate."""
        try:
            there = bool(self.link.recv(1))
        except OSError:
            there = False
        if there:
            os.kill(self.pid, signal.SIGTERM)
        return there

    def ended(self, selector: selectors.BaseSelector) -> None:
        """Kills what is left of it, and says its exit code."""
        selector.unregister(self.link)
        selector.unregister(self.descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-self.pid, 0)
        with contextlib.suppress(OSError):
            self.link.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        self.link.close()
        os.close(self.descriptor)


def serve(path: str) -> None:
    """Forks engines until it is killed."""
    selector = selectors.DefaultSelector()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                engine = Engine(listener.accept()[0])
                for each in (engine.link, engine.descriptor):
                    selector.register(each, selectors.EVENT_READ, engine)
            elif key.fileobj in selector.get_map():
                engine = key.data
                if key.fileobj is not engine.link or not engine.heard():
                    engine.ended(selector)


if __name__ == "__main__":
    # UCX registers memory of a forked process otherwise.
    os.environ.setdefault("UCX_RCACHE_MAX_UNRELEASED", "1024")
    preload(sys.argv[1])
    serve(sys.argv[2])
