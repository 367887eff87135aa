"""Releases of the llm-d router: the endpoint picker and the pd-sidecar, which go together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RouterRelease:
    """What one release of the router is called and understands.

    Attributes:
        version: The release's tag.
        picker_image: The endpoint picker's image.
        sidecar_image: The pd-sidecar's image.
        config_api_version: The apiVersion its EndpointPickerConfig is written in. A picker
            that does not know the version does not start.
        sidecar_engine_port_flag: The sidecar's flag for the engine's port. It is always given:
            the default moved from 8001 to 8200 in v0.10.0.
        smallest_block_tokens: The prefix producer raises a smaller block size to this.
    """

    version: str
    picker_image: str
    sidecar_image: str
    config_api_version: str
    sidecar_engine_port_flag: str
    smallest_block_tokens: int


ROUTER_V0_10_0 = RouterRelease(
    version="v0.10.0",
    picker_image="ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0",
    sidecar_image="ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0",
    config_api_version="llm-d.ai/v1alpha1",
    sidecar_engine_port_flag="--model-server-port",
    smallest_block_tokens=64,
)

ROUTER_NEWEST = ROUTER_V0_10_0
