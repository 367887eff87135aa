"""The ways to pods and Services that lead through the API of their cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk8s_inference.cluster import ClusterFailure, Connection
from cdk8s_inference.verify.exchange import NoAnswer, exchanged, secured, within


@dataclass(frozen=True)
class ThroughApiServer:
    """Sends to a pod or Service through the API server, as ``kubectl get --raw`` does.

    Attributes:
        connection: The way to the cluster.
        base: Path of the proxy.
        headers: What is sent beside the body; may have a token, and is never shown. The API
            server passes no Authorization on.
    """

    connection: Connection
    base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(
        self, method: str, path: str, body: bytes | None, seconds: float
    ) -> tuple[int, bytes]:
        """Sends a request."""
        sent = {"Content-Type": "application/json", **self.headers}

        def call() -> tuple[int, bytes]:
            whole = f"{self.base}{path}"
            return self.connection.request(method, whole, headers=sent, body=body, timeout=seconds)

        try:
            return within(seconds, call)
        except ClusterFailure as failure:
            raise NoAnswer(str(failure)) from None


@dataclass(frozen=True)
class ThroughPortForward:
    """Sends to a port of a pod through a port-forward of its own, as ``kubectl port-forward``.

    Attributes:
        connection: The way to the cluster.
        pod: Says namespace and name of the pod, and the port, each time one is needed.
        base: What precedes every path, with no slash at its end.
        tls: The name in the certificate of a server that speaks TLS; None for one that does not.
        headers: What is sent beside the body; may have a token, and is never shown.
    """

    connection: Connection
    pod: Callable[[], tuple[str, str, int]]
    base: str = ""
    tls: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(
        self, method: str, path: str, body: bytes | None, seconds: float
    ) -> tuple[int, bytes]:
        """Sends a request."""
        said: list[Callable[[], str | None]] = []

        def opened() -> Any:
            namespace, pod, port = self.pod()
            try:
                forward = self.connection.port_forward(namespace, pod, port)
            except ClusterFailure as failure:
                raise NoAnswer(str(failure)) from None
            said.append(lambda: forward.error(port))
            stream = forward.socket(port)
            return stream if self.tls is None else secured(stream, self.tls)

        headers = {"Host": "localhost", **self.headers}
        try:
            return exchanged(opened, method, f"{self.base}{path}", body, headers, seconds)
        except NoAnswer as none:
            # What the node says of it, such as that nothing listens there.
            reason = next((reason for each in said if (reason := each())), None)
            raise NoAnswer(" ".join(reason.split()) if reason else str(none)) from None
