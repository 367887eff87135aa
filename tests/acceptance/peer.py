"""Both ends of a request and what listens in between, each run on a host of its own.

``serve`` answers with what it was asked, ``tap`` hands requests on and writes them down, ``ask``
sends one. It needs Python's own library alone, so that it starts at once.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TICK_SECONDS = 1
LAST_LINE = "end"
_OF_A_HOP = ("connection", "content-length", "transfer-encoding")


class Handler(BaseHTTPRequestHandler):
    """Writes an answer piece by piece."""

    protocol_version = "HTTP/1.1"

    def start(self, status: int, content_type: str) -> None:
        """Begins the answer."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def write(self, piece: bytes) -> None:
        """Writes a piece of the answer; an empty one ends it."""
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Keeps quiet: scrapes would fill the log."""


class Echo(Handler):
    """Says which path was asked for, after as many seconds of ticks as the query asks for."""

    def do_GET(self) -> None:
        """Answers."""
        asked = urlsplit(self.path)
        seconds = int(parse_qs(asked.query).get("seconds", ["0"])[0])
        self.start(200, "text/plain")
        for _ in range(seconds):
            self.write(b"tick\n")
            time.sleep(TICK_SECONDS)
        seen = {"path": asked.path, "server": self.connection.getsockname()[0]}
        self.write(f"{json.dumps(seen)}\n{LAST_LINE}\n".encode())
        self.write(b"")


class Tap(Handler):
    """Hands each request on to another port, and writes down what is posted and answered."""

    to = 0
    record = Path()

    def do_GET(self) -> None:
        """Hands on."""
        self._hand_on(b"")
        self.write(b"")

    def do_POST(self) -> None:
        """Hands on, and writes down."""
        sent = self._body()
        received = self._hand_on(sent)
        entry = {"path": self.path, "request": sent.decode(), "response": received.decode()}
        with self.record.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        # The answer ends after it is written down, for whoever then looks.
        self.write(b"")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _hand_on(self, body: bytes) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.to, timeout=60)
        kept = {name: self.headers[name] for name in self.headers if name.lower() not in _OF_A_HOP}
        connection.request(self.command, self.path, body, kept)
        response = connection.getresponse()
        self.start(response.status, response.getheader("Content-Type", ""))
        received = b""
        while piece := response.read1(65536):
            received += piece
            self.write(piece)
        return received


def serve(address: str, port: str) -> None:
    """Serves until it is ended."""
    ThreadingHTTPServer((address, int(port)), Echo).serve_forever()


def tap(address: str, port: str, to: str, record: str) -> None:
    """Listens on a port in place of another, until it is ended."""
    Tap.to, Tap.record = int(to), Path(record)
    ThreadingHTTPServer((address, int(port)), Tap).serve_forever()


def ask(url: str, body: str = "", further: str = "{}") -> None:
    """Sends a request, and prints what came back and how long it took."""
    to = urlsplit(url)
    started = time.monotonic()
    connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=60)
    path = f"{to.path}?{to.query}" if to.query else to.path
    headers = {"Content-Type": "application/json"} if body else {}
    headers |= json.loads(further)
    connection.request("POST" if body else "GET", path, body.encode(), headers)
    response = connection.getresponse()
    try:
        received, whole = response.read(), True
    except http.client.IncompleteRead as cut:
        received, whole = cut.partial, False
    answer = {
        "status": response.status,
        "body": received.decode(),
        "whole": whole,
        "seconds": time.monotonic() - started,
    }
    print(json.dumps(answer))


ACTIONS: dict[str, Callable[..., None]] = {"serve": serve, "tap": tap, "ask": ask}

if __name__ == "__main__":
    ACTIONS[sys.argv[1]](*sys.argv[2:])
