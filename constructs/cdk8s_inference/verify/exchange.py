"""One HTTP request, answered before a deadline or given up."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_MOST = 64 * 1024 * 1024


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
        return within(seconds, lambda: self._sent(method, path, body, seconds))

    def _sent(
        self, method: str, path: str, body: bytes | None, seconds: float
    ) -> tuple[int, bytes]:
        to = urlsplit(f"{self.base}{path}")
        connection: http.client.HTTPConnection
        host = to.hostname or ""
        if to.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                host, to.port, timeout=seconds, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, to.port, timeout=seconds)
        try:
            whole = f"{to.path or '/'}?{to.query}" if to.query else to.path or "/"
            sent = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, whole, body, {**sent, **self.headers})
            response = connection.getresponse()
            return response.status, response.read(_MOST)
        except (TimeoutError, OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer(_reason(error, seconds)) from None
        finally:
            connection.close()


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
