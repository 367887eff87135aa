"""Processes that end with us, whatever happens, and whose logs are kept to be shown."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

_GRACE_SECONDS = 10
_LOG_LINES = 20
_EPHEMERAL_PORTS = 32768
"""From here on the kernel gives ports to clients, also between our choice and a server's start."""


class Process:
    """A running server: in a session of its own, killed with us, writing to a log file."""

    running: ClassVar[list[Process]] = []

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        grace: float = _GRACE_SECONDS,
    ) -> None:
        self.name = name
        self._grace = grace
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                [require("setpriv"), "--pdeathsig=KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else {**os.environ, **env},
                start_new_session=True,
            )
        Process.running.append(self)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._child.poll() is not None

    @property
    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join(line[:500] for line in lines)

    def await_(self, ready: Callable[[], bool], timeout: float = 60) -> None:
        """Waits until it is ready.

        Raises:
            RuntimeError: It ended, or is not ready in time; says the end of its log.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            if self.has_ended or time.monotonic() > deadline:
                state = "ended" if self.has_ended else f"is not ready after {timeout:.0f} s"
                raise RuntimeError(f"{self.name} {state}:\n{self.tail}")
            time.sleep(0.05)

    def end(self, timeout: float = 60) -> None:
        """Waits until it has done its work.

        Raises:
            RuntimeError: It failed, or takes too long; says the end of its log.
        """
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout)
        if self._child.returncode != 0:
            raise RuntimeError(f"{self.name} failed:\n{self.tail}")

    def stop(self) -> None:
        """Ends it and all that it started."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(self._grace)
        self._signal(signal.SIGKILL)
        self._child.wait()
        Process.running.remove(self)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)


@contextmanager
def started(
    name: str,
    command: Sequence[str | Path],
    folder: Path,
    *,
    ready: Callable[[], bool] | None = None,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
    grace: float = _GRACE_SECONDS,
) -> Iterator[Process]:
    """A process that is ready, for as long as the block runs. Its log is ``<folder>/<name>.log``.

    Args:
        name: What it is called.
        command: How it is started.
        folder: For its log.
        ready: Whether it is ready.
        timeout: Seconds until it must be.
        env: Environment variables beside ours.
        grace: Seconds that it has to end by itself.

    Raises:
        RuntimeError: It ended, or is not ready in time; says the end of its log.
    """
    process = Process(name, command, folder / f"{name}.log", env, grace)
    try:
        if ready is not None:
            process.await_(ready, timeout)
        yield process
    finally:
        process.stop()


def require(tool: str) -> str:
    """Where a tool of the system is.

    Raises:
        RuntimeError: It is not on PATH.
    """
    found = shutil.which(tool)
    if found is None:
        raise RuntimeError(f"{tool} is not on PATH, and the acceptance needs it")
    return found


_given: set[int] = set()


def free_port() -> int:
    """A port of loopback that nobody listens on, and that was not given before."""
    while True:
        port = random.randrange(10_000, _EPHEMERAL_PORTS)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
