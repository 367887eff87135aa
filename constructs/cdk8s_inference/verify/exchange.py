"""One HTTP request, answered before a deadline or given up."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_MOST = 64 * 1024 * 1024
_PORTS = {"http": 80, "https": 443}


class NoAnswer(Exception):
    """Why there is no answer, in words."""


class Send(Protocol):
    """Sends a request, and returns status and body.

    Raises:
        NoAnswer: There is none within a number of seconds.
    """

    def __call__(
        self, method: str, path: str, body: bytes | None, seconds: float
    ) -> tuple[int, bytes]:
        """Sends a request."""


@dataclass(frozen=True)
class Direct:
    """Sends to an address.

    Attributes:
        base: The address, with what precedes every path, and no slash at its end.
        headers: What is sent beside the body; may have a token, and is never shown.
    """

    base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(
        self, method: str, path: str, body: bytes | None, seconds: float
    ) -> tuple[int, bytes]:
        """Sends a request."""
        to = urlsplit(f"{self.base}{path}")
        name, port = to.hostname or "", to.port or _PORTS[to.scheme]

        def opened() -> Any:
            stream = socket.create_connection((name, port), seconds)
            if to.scheme == "https":
                return secured(stream, self.headers.get("Host", name))
            return stream

        whole = f"{to.path or '/'}?{to.query}" if to.query else to.path or "/"
        headers = {"Host": to.netloc.rpartition("@")[2], **self.headers}
        return exchanged(opened, method, whole, body, headers, seconds)


def exchanged(
    opened: Callable[[], Any],
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    seconds: float,
) -> tuple[int, bytes]:
    """The status and body of the answer to one request.

    Args:
        opened: Opens the socket, or what is like one, that it is sent on.
        method: The method.
        path: The path with the query.
        body: The body, which is JSON.
        headers: The headers, Host among them.
        seconds: How long it may take.

    Raises:
        NoAnswer: There is none.
    """

    def call() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("")
        content = {"Content-Type": "application/json"} if body is not None else {}
        try:
            connection.sock = opened()
            connection.request(method, path, body, {**content, **headers})
            response = connection.getresponse()
            return response.status, response.read(_MOST)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer(_reason(error, seconds)) from None
        finally:
            connection.close()

    return within(seconds, call)


def secured(stream: socket.socket, name: str) -> ssl.SSLSocket:
    """A socket with TLS, to a server of a name whose certificate must be trusted here."""
    return ssl.create_default_context().wrap_socket(stream, server_hostname=name)


def within(seconds: float, call: Callable[[], T]) -> T:
    """What a call returns, or raises, within a time, however slowly a server answers.

    Raises:
        NoAnswer: It takes longer, and is given up.
    """
    done: Queue[tuple[T | None, Exception | None]] = Queue()

    def run() -> None:
        try:
            done.put((call(), None))
        except Exception as error:
            done.put((None, error))

    if seconds <= 0:
        raise NoAnswer("no time was left")
    Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except Empty:
        raise NoAnswer(f"no answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _reason(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:.0f} s"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"the answer was cut short: {type(error).__name__}"
