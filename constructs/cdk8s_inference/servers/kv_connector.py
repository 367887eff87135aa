"""What carries KV caches between engines, as data: who pairs with whom, and in which roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cdk8s_inference.servers.release import release_order

HandoverProtocol = Literal["nixlv2", "shared-storage", "sglang", "mooncake", "offloading", "moriio"]
"""What an engine's requests say of a hand-over, by the pd-sidecar's names."""

KvRole = Literal["kv_producer", "kv_consumer", "kv_both"]
KV_ROLES: tuple[KvRole, ...] = ("kv_producer", "kv_consumer", "kv_both")

Evidence = Literal["seen run", "read"]


@dataclass(frozen=True)
class KvConnector:
    """A connector of an engine.

    Attributes:
        name: As the engine's flags say it.
        protocol: What the requests of a hand-over say; None for one that hands nothing from a
            prefill pod to a decode pod by request, such as a cache that both sides share.
        pairs_with: Connectors that the other side may have, itself excepted.
        ignores_role: Whether the role says nothing: then each side does what the request asks.
        both_produces_only: Whether ``kv_both`` makes a producer that never fetches.
        wraps: Whether it holds other connectors.
        since: The first release that has it; None for one older than the data.
        until: The first release that lacks it.
        external: Whether it comes with a plugin, not with the engine.
        evidence: Whether it was seen run, or read in source.
    """

    name: str
    protocol: HandoverProtocol | None
    pairs_with: tuple[str, ...] = ()
    ignores_role: bool = False
    both_produces_only: bool = False
    wraps: bool = False
    since: str | None = None
    until: str | None = None
    external: bool = False
    evidence: Evidence = "read"

    def in_release(self, release: str | None) -> bool:
        """Whether a release has it; of None, whether any has."""
        if release is None:
            return True
        at = release_order(release)
        if self.since is not None and at < release_order(self.since):
            return False
        return self.until is None or at < release_order(self.until)

    def pairs(self, other: KvConnector) -> bool:
        """Whether one side may have it and the other side the other."""
        return self == other or other.name in self.pairs_with or self.name in other.pairs_with

    def produces(self, role: str) -> bool:
        """Whether an engine in a role hands caches over."""
        return self.ignores_role or role in ("kv_producer", "kv_both")

    def consumes(self, role: str) -> bool:
        """Whether an engine in a role fetches caches."""
        if self.ignores_role:
            return True
        return role == "kv_consumer" or (role == "kv_both" and not self.both_produces_only)


@dataclass(frozen=True)
class KvTransfer:
    """What an engine is told about handing its KV cache over.

    Attributes:
        connector: ``kv_connector``; empty where it is missing.
        role: ``kv_role``; empty where it is missing.
        failure_policy: ``kv_load_failure_policy``; empty where it is missing.
        written: All of it.
    """

    connector: str
    role: str
    failure_policy: str
    written: Mapping[str, Any]

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> KvTransfer:
        """From what a flag says."""
        return cls(
            _text(written.get("kv_connector")),
            _text(written.get("kv_role")),
            _text(written.get("kv_load_failure_policy")),
            written,
        )

    @property
    def extra(self) -> Mapping[str, Any]:
        """``kv_connector_extra_config``."""
        extra = self.written.get("kv_connector_extra_config")
        return extra if isinstance(extra, Mapping) else {}

    @property
    def parts(self) -> tuple[KvTransfer, ...]:
        """It, and of a connector that holds others each of these."""
        return (self, *self._held())

    @property
    def names(self) -> tuple[str, ...]:
        """Every connector it names, outermost first."""
        return tuple(part.connector for part in self.parts if part.connector)

    def _held(self) -> Iterator[KvTransfer]:
        held = self.extra.get("connectors")
        for each in held if isinstance(held, list) else ():
            if isinstance(each, Mapping):
                yield from KvTransfer.of(each).parts


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def connector_named(connectors: Iterable[KvConnector], name: str) -> KvConnector | None:
    """The connector of a name."""
    return next((each for each in connectors if each.name == name), None)
