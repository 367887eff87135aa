"""A command as a whole process tree: its time and memory."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_INTERVAL = 0.02


@dataclass(frozen=True)
class Run:
    """What a run of a command took.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of processor time, of all its processes.
        memory: The peak of each program, in MiB of resident memory, by the program's name: of
            all its processes that run at a time, where pages that they share count for each. A
            process is looked at each 20 ms, so that one which ends sooner is not in it.
    """

    wall: float
    cpu: float
    memory: Mapping[str, float]


class CommandFailed(Exception):
    """A side that does not do its work cannot be compared."""


def run(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Runs a command to its end.

    Raises:
        CommandFailed: Its exit status is not 0.
    """
    peaks: dict[str, float] = {}
    began = time.perf_counter()
    before = os.times()
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, ended))
    watcher.start()
    _, said = process.communicate()
    wall = time.perf_counter() - began
    ended.set()
    watcher.join()
    after = os.times()
    if process.returncode:
        raise CommandFailed(f"{' '.join(command)}: {said.decode(errors='replace')[-2000:]}")
    cpu = (
        after.children_user - before.children_user + after.children_system - before.children_system
    )
    return Run(wall, cpu, peaks)


def _watch(pid: int, peaks: dict[str, float], ended: threading.Event) -> None:
    while not ended.wait(_INTERVAL):
        together: dict[str, float] = {}
        for each in _tree(pid):
            name, peak = _status(each)
            if name is not None:
                together[name] = together.get(name, 0.0) + peak
        for name, total in together.items():
            peaks[name] = max(peaks.get(name, 0.0), total)


def _tree(pid: int) -> list[int]:
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _tree(int(child))
    except OSError:  # It has ended.
        pass
    return found


def _status(pid: int) -> tuple[str | None, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None, 0.0
    fields = dict(line.split(":", 1) for line in lines)
    if "VmHWM" not in fields:  # A process that is ending has no memory.
        return None, 0.0
    name = fields["Name"].strip()
    if name.startswith(("node", "MainThread")):
        name = "Node.js"
    elif name.startswith(("python", "cdk8s-inference")):
        name = "Python"
    return name, int(fields["VmHWM"].split()[0]) / 1024
