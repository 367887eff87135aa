"""What a kubelet does for a port-forward: hands on what comes through a WebSocket to a pod.

Arguments are address and port to listen at, certificate and key, and the folder that has the
network namespace of each pod as a link ``<namespace>.<pod>``. It runs where the API server does.
"""

from __future__ import annotations

import ctypes
import socket
import ssl
import sys
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = b"\0", b"\1"
_NEW_NETWORK = 0x40000000
_PIECE = 65536


def enter(network: Path) -> None:
    """Moves this thread, and no other, into a network namespace."""
    with network.open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), f"cannot enter {network}")


def forward(websocket: Any, networks: Path) -> None:
    """Hands on between a WebSocket and a port of a pod, as reached from within the pod."""
    asked = urlsplit(websocket.request.path)
    _, namespace, pod = asked.path.strip("/").split("/")
    port = int(parse_qs(asked.query)["port"][0])
    for channel in (_DATA, _ERROR):
        websocket.send(channel + port.to_bytes(2, "little"))
    try:
        enter(networks / f"{namespace}.{pod}")
        stream = socket.create_connection(("127.0.0.1", port), 5)
        stream.settimeout(None)
    except OSError as error:
        websocket.send(_ERROR + f"error forwarding port {port} to pod {pod}: {error}".encode())
        return

    def back() -> None:
        while piece := stream.recv(_PIECE):
            websocket.send(_DATA + piece)
        websocket.close()

    Thread(target=back, daemon=True).start()
    try:
        for message in websocket:
            stream.sendall(message[1:])
    except (ConnectionClosed, OSError):
        pass
    finally:
        stream.close()


def main(address: str, port: str, certificate: str, key: str, networks: str) -> None:
    """Serves until it is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def handle(websocket: Any) -> None:
        forward(websocket, Path(networks))

    with serve(handle, address, int(port), ssl=context, subprotocols=[PROTOCOL]) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
