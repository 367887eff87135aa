"""SidecarOptions: how the pd-sidecar of decode pods is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.arguments import checked

KVConnector = Literal["nixlv2", "shared-storage", "sglang", "mooncake", "offloading"]

EncoderConnector = Literal["ec-example", "ec-nixl"]


@checked
@dataclass(frozen=True)
class SidecarOptions:
    """How the pd-sidecar of decode pods is run.

    Attributes:
        native: Runs it as an init container that stays, which Kubernetes stops after the engine.
            As a plain container it waits before it stops, as long as the engine may drain: it
            cuts every stream the moment it is asked to stop (seen run).
        connector: How prefill hands the KV cache to decode; None reads it from the engines' own
            flags. A choice that disagrees with them is refused.
        encoder_connector: How encode pods transfer what they have encoded; None takes the first
            of the release. Of no effect without encode engines.
        ssrf_protection: Lets the sidecar call pods of the pool alone. Otherwise whoever reaches a
            decode pod can name any address to it. It reads the pool and its pods, so decode pods
            get a ServiceAccount, of which the sidecar alone has the token. None is true where it
            works: behind a gateway, which has an InferencePool, from router v0.10.0 on.
    """

    native: bool = True
    connector: KVConnector | None = None
    encoder_connector: EncoderConnector | None = None
    ssrf_protection: bool | None = None
