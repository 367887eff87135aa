"""``vllm`` of a pod: has the warm parent fork an engine here, and ends when that does.

It needs Python's own library alone, so that it starts at once.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.real_engines import translation

PARENT = "REAL_ENGINES_PARENT"
MODEL = "REAL_ENGINES_MODEL"
HOME = "REAL_ENGINES_HOME"


def main() -> int:
    """Runs it; says its exit code."""
    with open("/proc/self/ns/net") as network, socket.socket(socket.AF_UNIX) as parent:
        parent.connect(os.environ[PARENT])
        home = Path(os.environ[HOME])
        order = {
            "argv": translation.arguments(sys.argv[1:], home, Path(os.environ[MODEL])),
            "env": translation.environment(os.environ, home),
            "cwd": str(home),
        }
        files = array.array("i", [1, 2, network.fileno()])
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)]
        parent.sendmsg([json.dumps(order).encode() + b"\n"], control)
        signal.signal(signal.SIGTERM, lambda *_: parent.sendall(b"T"))
        return int(parent.makefile().readline() or 1)


if __name__ == "__main__":
    sys.exit(main())
