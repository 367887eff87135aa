"""Listener: where the inference gateway takes connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import Labels
from cdk8s_inference.kubernetes_types import NonEmpty

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
        namespace_labels: Labels of the namespaces whose routes may attach; default all
            namespaces.
    """

    name: NonEmpty
    port: int
    protocol: ListenerProtocol = "HTTP"
    hostname: NonEmpty | None = None
    certificate: NonEmpty | None = None
    namespace_labels: Labels | None = None

    @classmethod
    @checked
    def http(
        cls, name: NonEmpty = "http", port: int = 80, *, hostname: NonEmpty | None = None
    ) -> Listener:
        """A listener for HTTP without TLS."""
        return cls(name, port, "HTTP", hostname)

    @classmethod
    @checked
    def https(
        cls,
        certificate: NonEmpty,
        name: NonEmpty = "https",
        port: int = 443,
        *,
        hostname: NonEmpty | None = None,
    ) -> Listener:
        """A listener for HTTP in TLS."""
        return cls(name, port, "HTTPS", hostname, certificate)

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
        namespaces: dict[str, Any] = {"from": "All"}
        if self.namespace_labels is not None:
            selector = {"matchLabels": dict(self.namespace_labels)}
            namespaces = {"from": "Selector", "selector": selector}
        return {**spec, "allowedRoutes": {"namespaces": namespaces}}
