"""The request headers by which an endpoint picker says where a request goes."""

from __future__ import annotations

ENDPOINT_HEADER = "x-gateway-destination-endpoint"
"""Names the pod that answers."""

PICKER_HEADERS = (
    ENDPOINT_HEADER,
    "x-prefiller-host-port",
    "x-encoder-hosts-ports",
    "x-data-parallel-host-port",
    "x-kv-cache-source-host-port",
)
"""What the picker sets, and nobody else may: a client could name any address."""
