"""The pd-sidecar of decode pods: it has prefill done elsewhere, then lets the engine decode."""

from __future__ import annotations

from typing import Any

from cdk8s_inference.releases import RouterRelease
from cdk8s_inference.spec.ports import SERVING_PORT

SIDECAR_CONTAINER = "pd-sidecar"


def sidecar(*, engine_port: int, release: RouterRelease) -> dict[str, Any]:
    """The sidecar's container.

    It takes the pool's port and forwards to the engine. Every flag whose default moved between
    releases is given.

    Args:
        engine_port: Where the decode engine listens in the same pod.
        release: The router release whose sidecar runs.
    """
    return {
        "name": SIDECAR_CONTAINER,
        "image": release.sidecar.image,
        "args": [
            f"--port={SERVING_PORT}",
            f"--{release.sidecar.engine_port_flag}={engine_port}",
            "--kv-connector=nixlv2",
            # The gateway and the picker's scraper speak plain HTTP to the pool's port.
            "--secure-proxy=false",
        ],
        "ports": [{"name": "sidecar", "containerPort": SERVING_PORT}],
        # It answers /health by itself, always with 200: that tells of the sidecar alone. The
        # engine has probes of its own, so the pod is ready when both are.
        "readinessProbe": {
            "httpGet": {"path": "/health", "port": SERVING_PORT},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
        },
        # No limits: a sidecar that is killed for memory cuts every stream of its pod.
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
