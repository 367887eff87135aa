"""Hosts: this machine, or network namespaces on a bridge of their own, cut off from all else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from tests.acceptance import peer
from tests.acceptance.process import Process, require, started

_BRIDGE = "bridge"


@dataclass(frozen=True)
class Host:
    """Where a program runs.

    Attributes:
        address: Where others reach it.
        prefix: What is put before a command so that it runs there.
    """

    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()

    @property
    def network(self) -> Path:
        """Its network namespace, as a file."""
        given = [each.removeprefix("--net=") for each in self.prefix if each.startswith("--net=")]
        return Path(given[0] if given else "/proc/self/ns/net")

    def command(self, *command: str | Path) -> list[str | Path]:
        """A command that runs there."""
        return [*self.prefix, *command]

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(self.command(*command), capture_output=True, text=True, check=False)

    def listens(self, port: int, address: str = "127.0.0.1") -> bool:
        """Whether something takes connections at a port."""
        probe = f"exec 3<>/dev/tcp/{address}/{port}"
        return self.run(require("bash"), "-c", probe).returncode == 0

    def ask(
        self, url: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Sends an HTTP request from there: status, body, whether whole, seconds."""
        done = self.run(sys.executable, peer.__file__, "ask", url, body, json.dumps(headers or {}))
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


HERE = Host()


class Network:
    """A bridge, and the hosts on it. There is no way out of it, and none in."""

    def __init__(self, stack: ExitStack, folder: Path, subnet: IPv4Network) -> None:
        self._stack = stack
        self._folder = folder
        self._subnet = subnet
        self._addresses = subnet.hosts()
        self._bridge = self._namespace("bridge")
        self._ip(self._bridge, "link", "add", _BRIDGE, "type", "bridge")
        self._ip(self._bridge, "link", "set", _BRIDGE, "up")

    def host(self, name: str) -> Host:
        """A new host, with an address of its own."""
        process = self._namespace(name)
        address = str(next(self._addresses))
        port = f"port{process.pid}"
        # The other end is made inside the host: names are free there.
        peer = ("peer", "name", "eth0", "netns", str(process.pid))
        self._ip(self._bridge, "link", "add", port, "type", "veth", *peer)
        self._ip(self._bridge, "link", "set", port, "master", _BRIDGE, "up")
        within = f"{address}/{self._subnet.prefixlen}"
        self._ip(process, "address", "add", within, "dev", "eth0")
        self._ip(process, "link", "set", "eth0", "up")
        return Host(address, _prefix(process))

    def _namespace(self, name: str) -> Process:
        """A network namespace, which is there for as long as the process in it."""
        holder = [require("unshare"), "--net", "--", require("sleep"), "infinity"]
        process = self._stack.enter_context(started(f"host-{name}", holder, self._folder))
        ours = Path("/proc/self/ns/net").readlink()
        process.await_(lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != ours)
        self._ip(process, "link", "set", "lo", "up")
        return process

    def _ip(self, within: Process, *arguments: str) -> None:
        done = Host(prefix=_prefix(within)).run(require("ip"), *arguments)
        assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@contextmanager
def network(folder: Path, subnet: str = "10.244.0.0/16") -> Iterator[Network]:
    """A network that is there while the block runs."""
    with ExitStack() as stack:
        yield Network(stack, folder, IPv4Network(subnet))


def _prefix(process: Process) -> tuple[str, ...]:
    return require("nsenter"), f"--net=/proc/{process.pid}/ns/net", "--"
