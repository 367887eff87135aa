"""The pd-sidecar of a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.releases.connector import Connector
from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.picker import MetricType


@dataclass(frozen=True)
class Sidecar:
    """The pd-sidecar of a release.

    It never drains: on SIGTERM it exits at once and cuts every stream, so it must be the last
    container of its pod to stop (seen run).

    Attributes:
        image: Its image.
        flags: What it knows; any other flag ends it.
        engine_port_flag: The flag for the engine's port. Always give it: the default moved.
        connectors: Values of ``kv-connector``. With another one the sidecar exits with code 0,
            as after an invalid port range (seen run).
        encoder_connectors: Values of ``ec-connector``.
        ssrf_protection: What the pod's account must be allowed to read when the sidecar checks
            prefill targets against the pool.
        guards_v1_pools: Whether it finds the pods of an InferencePool of v1. Without, it takes
            ``matchLabels`` for a label, finds none, and refuses every prefill target with status
            403 (v0.8.0 seen run).
        prefill_failure: What it does when prefill fails: hides it by prefilling on decode, or
            returns the error.
        health_path: Answered by the sidecar itself, also with the engine down.
        engine_path: Answered by the engine through the sidecar, 503 with the engine down.
        metrics: Families of its own, served where it has the flag ``metrics-port``; its port
            serves the engine's.
    """

    image: str
    flags: tuple[Flag, ...]
    engine_port_flag: str
    connectors: tuple[Connector, ...]
    encoder_connectors: tuple[str, ...]
    ssrf_protection: tuple[Permission, ...]
    guards_v1_pools: bool
    prefill_failure: Literal["decodes locally", "returns an error"]
    health_path: str
    engine_path: str
    metrics: Mapping[str, MetricType]
