"""Listener: where the inference gateway takes connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import MinLen

from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import Labels
from cdk8s_inference.kubernetes_types import DnsLabel, NonEmpty

_NAMESPACE_NAME = "kubernetes.io/metadata.name"

ListenerProtocol = Literal["HTTP", "HTTPS", "TLS", "TCP"]


@checked
@dataclass(frozen=True)
class Listener:
    """A port of the inference gateway.

    Attributes:
        name: Its name, which a route's ``sectionName`` may ask for.
        port: The port, 1 to 65535.
        protocol: ``HTTP``; ``HTTPS`` and ``TLS`` end TLS with ``certificate``; ``TCP``. Model
            routes attach to HTTP and HTTPS.
        hostname: Serves this host alone; cert-manager issues the certificate for it.
        certificate: Secret in the gateway's namespace with ``tls.crt`` and ``tls.key``; without
            one, ``TLS`` is passed through to the backend.
        namespaces: Names of the namespaces whose routes may attach; default all namespaces.
        namespace_labels: Labels of these namespaces, in place of names.
    """

    name: NonEmpty
    port: int
    protocol: ListenerProtocol = "HTTP"
    hostname: NonEmpty | None = None
    certificate: NonEmpty | None = None
    namespace_labels: Labels | None = None
    namespaces: Annotated[Sequence[DnsLabel], MinLen(1)] | None = None

    def __post_init__(self) -> None:
        if self.namespaces is not None and self.namespace_labels is not None:
            raise ValueError("both namespaces and namespace_labels are set; set one of them")

    @classmethod
    @checked
    def http(
        cls,
        name: NonEmpty = "http",
        port: int = 80,
        *,
        hostname: NonEmpty | None = None,
        namespaces: Sequence[DnsLabel] | None = None,
    ) -> Listener:
        """A listener for HTTP without TLS."""
        return cls(name, port, "HTTP", hostname, namespaces=namespaces)

    @classmethod
    @checked
    def https(
        cls,
        certificate: NonEmpty,
        name: NonEmpty = "https",
        port: int = 443,
        *,
        hostname: NonEmpty | None = None,
        namespaces: Sequence[DnsLabel] | None = None,
    ) -> Listener:
        """A listener for HTTP in TLS."""
        return cls(name, port, "HTTPS", hostname, certificate, namespaces=namespaces)

    @property
    def takes_all_namespaces(self) -> bool:
        """Whether routes of every namespace may attach."""
        return self.namespaces is None and self.namespace_labels is None

    def spec(self) -> dict[str, Any]:
        """The listener as Gateway API writes it."""
        spec: dict[str, Any] = {"name": self.name, "port": self.port, "protocol": self.protocol}
        if self.hostname is not None:
            spec["hostname"] = self.hostname
        if self.certificate is not None:
            reference = {"group": "", "kind": "Secret", "name": self.certificate}
            spec["tls"] = {"mode": "Terminate", "certificateRefs": [reference]}
        elif self.protocol == "TLS":
            spec["tls"] = {"mode": "Passthrough"}
        return {**spec, "allowedRoutes": {"namespaces": self._allowed()}}

    def _allowed(self) -> dict[str, Any]:
        selector: dict[str, Any]
        if self.namespaces is not None:
            # Kubernetes gives every namespace this label.
            names = {"key": _NAMESPACE_NAME, "operator": "In", "values": list(self.namespaces)}
            selector = {"matchExpressions": [names]}
        elif self.namespace_labels is not None:
            selector = {"matchLabels": dict(self.namespace_labels)}
        else:
            return {"from": "All"}
        return {"from": "Selector", "selector": selector}
