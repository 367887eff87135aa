"""The engine of a pod: has the warm parent fork it here, and ends when that does.

usage: launch.py COMMAND ARGUMENT...

The words are those by which the pod starts its server. It needs Python's own library alone, so that
it starts at once.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.real_engines import translation

PARENT = "REAL_ENGINES_PARENT"
MODEL = "REAL_ENGINES_MODEL"
HOMES = "REAL_ENGINES_HOMES"
"""A folder for the engines' folders."""


def main() -> int:
    """Runs it; says its exit code."""
    home = Path(tempfile.mkdtemp(prefix="home-", dir=os.environ[HOMES]))
    server, arguments = translation.of(sys.argv[1:])
    with socket.socket(socket.AF_UNIX) as parent:
        keep_ranks = translation.KEEP_RANKS in os.environ
        model = Path(os.environ[MODEL])
        order = {
            "module": server.module,
            "argv": server.arguments(arguments, home, model, keep_ranks=keep_ranks),
            "env": server.environment(os.environ, home),
            "cwd": str(home),
        }
        send(parent, os.environ[PARENT], order, (1, 2))
        signal.signal(signal.SIGTERM, lambda *_: parent.sendall(b"T"))
        return ended(parent)


def send(
    parent: socket.socket, path: str, order: Mapping[str, object], files: Sequence[int]
) -> None:
    """Asks a parent to run something in this network, with files for its output and errors."""
    with open("/proc/self/ns/net") as network:
        parent.connect(path)
        control = array.array("i", [*files, network.fileno()])
        message = [json.dumps(order).encode() + b"\n"]
        parent.sendmsg(message, [(socket.SOL_SOCKET, socket.SCM_RIGHTS, control)])


def ended(parent: socket.socket) -> int:
    """The exit code of what runs, once it has ended."""
    return int(parent.makefile().readline() or 1)


if __name__ == "__main__":
    sys.exit(main())
