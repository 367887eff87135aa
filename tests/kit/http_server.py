"""An HTTP server for tests, which says nothing of clients that go away."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """Its threads share standard error with other tests, some of which read it."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Reports what a handler raised, unless its client left before the answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
