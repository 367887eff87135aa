"""The pd-sidecar of decode pods: it has prefill done elsewhere, then lets the engine decode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk8s_inference import names
from cdk8s_inference.document.kv_transfer import KvTransfer
from cdk8s_inference.document.ports import SERVING_PORT, rank_ports
from cdk8s_inference.engines.pod import container_ports
from cdk8s_inference.releases import RouterRelease
from cdk8s_inference.releases.flag import FlagValue

REQUESTS: Mapping[str, str] = {"cpu": "100m", "memory": "128Mi"}
"""What it requests, unless told otherwise."""

TOKEN_VOLUME: dict[str, Any] = {
    "name": names.SIDECAR_TOKEN,
    "projected": {
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
            {
                "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }
            },
            {
                "downwardAPI": {
                    "items": [
                        {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
                    ]
                }
            },
        ]
    },
}
"""What Kubernetes mounts of a ServiceAccount, for the sidecar alone: no engine needs it."""

_OPEN_PATH = "/metrics"
"""Answered by the engine too, also to those without its API key."""

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


def sidecar(
    *,
    engine_port: int,
    release: RouterRelease,
    kv_transfer: KvTransfer,
    ranks: int = 1,
    guarded_pool: str | None = None,
    wait_seconds: int | None = None,
    guarded_engine: bool = False,
    image: str | None = None,
    requests: Mapping[str, str] = REQUESTS,
) -> dict[str, Any]:
    """The sidecar's container.

    It takes the pool's ports and forwards to the engine's. Every flag whose default moved between
    releases is given.

    Args:
        engine_port: Where the decode engine listens in the same pod, its first rank.
        release: The router release whose sidecar runs.
        kv_transfer: How prefill transfers KV caches.
        ranks: The engine's data-parallel ranks, with contiguous ports.
        guarded_pool: ``namespace/name`` of the pool whose pods alone it may call; None lets it
            call any address.
        wait_seconds: How long it serves on when it is asked to stop. A native sidecar is asked
            only when the engine has ended, and needs no wait.
        guarded_engine: Whether the engine wants a key from whoever asks for its models.
        image: Its image; default the release's, by its tag.
        requests: What it requests.
    """
    connector = kv_transfer.connector
    flags: dict[str, FlagValue] = {
        "port": SERVING_PORT,
        release.sidecar.engine_port_flag: engine_port,
        "kv-connector": connector.name,
        # The gateway and the picker's scraper speak plain HTTP to the pool's port.
        "secure-proxy": False,
    }
    environment: list[dict[str, Any]] = []
    if kv_transfer.bootstrap_port is not None:
        if connector.bootstrap_port_flag is not None:
            flags[connector.bootstrap_port_flag] = kv_transfer.bootstrap_port
        if connector.bootstrap_port_env is not None:
            port = {"name": connector.bootstrap_port_env, "value": str(kv_transfer.bootstrap_port)}
            environment.append(port)
    if kv_transfer.encoder_connector is not None:
        flags["ec-connector"] = kv_transfer.encoder_connector
    if ranks > 1:
        flags["data-parallel-size"] = ranks
        # Without it a request that names its rank is answered by another one.
        address = {"fieldRef": {"fieldPath": "status.podIP"}}
        environment.append({"name": "POD_IP", "valueFrom": address})
    if guarded_pool is not None:
        flags["enable-ssrf-protection"] = True
        flags["inference-pool"] = guarded_pool
    container: dict[str, Any] = {
        "name": names.SIDECAR_CONTAINER,
        "image": image or release.sidecar.image,
        "args": release.arguments("sidecar", flags),
        "ports": container_ports("sidecar", rank_ports(SERVING_PORT, ranks)),
        "readinessProbe": _probe(_OPEN_PATH if guarded_engine else release.sidecar.engine_path),
        # Its own path, so that only a sidecar that hangs is restarted: that of a dead engine would
        # be restarted for nothing, and each restart cuts its streams.
        "livenessProbe": {**_probe(release.sidecar.health_path), "failureThreshold": 6},
        # No limits: a sidecar that is killed for memory cuts every stream of its pod.
        "resources": {"requests": dict(requests)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if environment:
        container["env"] = environment
    if guarded_pool is not None:
        mount = {"name": TOKEN_VOLUME["name"], "mountPath": _TOKEN_PATH, "readOnly": True}
        container["volumeMounts"] = [mount]
    if wait_seconds is not None:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": wait_seconds}}}
    return container


def _probe(path: str) -> dict[str, Any]:
    """Asks the sidecar, or by a path that the engine answers through it whether requests get there.

    Its own path is 200 with the engine dead (seen run), so readiness is asked by another. There is
    no startup probe: the engine of a pod with a native sidecar starts only when that has passed, so
    it would never pass.
    """
    return {
        "httpGet": {"path": path, "port": SERVING_PORT},
        "periodSeconds": 10,
        "timeoutSeconds": 5,
    }
