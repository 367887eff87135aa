"""Imports vLLM once and forks an engine for each request; run by the Python that has the engines.

usage: parent.py SOCKET

``launch.py`` is the other end of the socket. A request is a line of JSON (``module``, whose
``main`` is run, ``argv``, ``env`` and ``cwd``) with the file descriptors of output, errors and
network namespace; the answer is a line with the exit code. What the other end sends in the meantime
asks what runs to terminate; where that end goes away, it is killed. An engine is vLLM's own command
line in a session of its own; the only change is that what it spawns is forked too.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import importlib
import json
import multiprocessing
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import Any

PRELOADED = (
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
)
NEW_NETWORK = 0x40000000
"""``CLONE_NEWNET``, for ``setns``."""


def preload() -> None:
    """Imports what an engine imports, and lets it fork what it would spawn."""
    for name in PRELOADED:
        importlib.import_module(name)
    for name, module in list(sys.modules.items()):
        if name.startswith("vllm") and hasattr(module, "get_mp_context"):
            module.get_mp_context = lambda: multiprocessing.get_context("fork")  # type: ignore[attr-defined]


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
    sys.argv = ["vllm", *order["argv"]]
    importlib.import_module(order["module"]).main()
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
    preload()
    serve(sys.argv[1])
