"""An HTTP proxy that takes every connection for itself, and answers from the folder of the host.

Arguments are port, folder, certificate and key. It needs Python's own library alone, so that it
starts at once, in whichever network namespace.
"""

from __future__ import annotations

import ssl
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Mirror(SimpleHTTPRequestHandler):
    """Serves the files of each host over TLS, manifests of a registry with their type."""

    protocol_version = "HTTP/1.1"
    root = Path()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def do_CONNECT(self) -> None:
        """Is the host from now on."""
        host, _, _ = self.path.rpartition(":")
        self.directory = str(self.root / host)
        self.send_response(200)
        self.end_headers()
        self.request = self.tls.wrap_socket(self.request, server_side=True)
        self.setup()

    def guess_type(self, path: str | PathLike[str]) -> str:
        """The type of a file."""
        return MANIFEST if "/manifests/" in str(path) else super().guess_type(path)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says which host was asked."""
        super().log_message(f"{Path(self.directory).name} {format}", *arguments)


def main(port: str, root: str, certificate: str, key: str) -> None:
    """Serves until it is ended."""
    Mirror.root = Path(root)
    Mirror.tls.load_cert_chain(certificate, key)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Mirror).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
