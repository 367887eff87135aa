"""The sockets that a server listens on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SocketPurpose = Literal[
    "HTTP",
    "gRPC",
    "metrics",
    "NIXL side channel",
    "KV events",
    "KV event replay",
    "KV load events",
    "P2P tier",
    "encoder side channel",
    "bootstrap",
    "TPU KV transfer",
    "TPU side channel",
    "MoRIIO handshake",
    "MoRIIO notify",
    "data-parallel RPC",
    "data-parallel supervisor",
    "torch rendezvous",
    "ZMQ",
    "cache server",
    "metadata server",
]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
EVERY_ADDRESS = frozenset({"0.0.0.0", "::", "*", ""})


@dataclass(frozen=True)
class Socket:
    """Where a server listens.

    Attributes:
        purpose: What for.
        address: The address that it binds; None where that is unread.
        port: The port of the first data-parallel rank; None where that is unread.
        by_rank: How far each further rank raises the port. 0: the ranks share one socket.
        by_start_rank: Whether the rank of the pod's first rank among all ranks raises it too. If
            so, a pod that starts at rank 8 listens from ``port + 8 * by_rank`` on.
        width: Ports in a row that each rank takes, such as one for each tensor-parallel rank.
        given_by: The flag or variable that moves it; None where nothing does.
        is_default: Whether the port is the server's default.
        leader_only: Whether only the first pod of a gang opens it.
    """

    purpose: SocketPurpose
    address: str | None
    port: int | None
    by_rank: int = 0
    by_start_rank: bool = False
    width: int = 1
    given_by: str | None = None
    is_default: bool = True
    leader_only: bool = False

    def ports(self, ranks: int = 1, start_rank: int = 0) -> tuple[int, ...]:
        """The ports that a pod's ranks take; empty where they are unread.

        Args:
            ranks: Data-parallel ranks in the pod.
            start_rank: The first of them, among all ranks.

        >>> Socket("KV events", "*", 5557, by_rank=1, by_start_rank=True).ports(2, 8)
        (5565, 5566)
        """
        if self.port is None:
            return ()
        first = self.port + (start_rank * self.by_rank if self.by_start_rank else 0)
        starts = [first + rank * self.by_rank for rank in range(max(1, ranks))]
        if not self.by_rank:
            starts = [first]
        ports = {start + offset for start in starts for offset in range(self.width)}
        return tuple(sorted(port for port in ports if port <= 65535))

    @property
    def is_local(self) -> bool:
        """Whether only the pod itself reaches it."""
        return self.address in LOOPBACK

    @property
    def is_open(self) -> bool:
        """Whether every address of the pod reaches it."""
        return self.address in EVERY_ADDRESS
