"""What KServe's controller gives an LLMInferenceService from its well-known configurations.

Facts of kserve/kserve v0.20: config/llmisvcconfig and pkg/controller/v1alpha2/llmisvc. TLS is
switched by the platform for all parts of a service at once, so it is left out of every part.
"""

from __future__ import annotations

import json
from typing import Any

ENGINE = "main"
SIDECAR = "llm-d-routing-sidecar"

POOL_PORT = 8000
"""Where a pool sends requests: an engine, or the sidecar in front of one."""

_ENGINE_IMAGE = "ghcr.io/llm-d/llm-d-cuda:v0.9.0"
_SIDECAR_IMAGE = "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0"
PICKER_IMAGE = "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"
_BEHIND_SIDECAR = 8001
_GRACE_SECONDS = 60
_MOUNTS = {"home": "/home", "tmp-dir": "/tmp", "dshm": "/dev/shm", "model-cache": "/models"}

PICKER_PORTS = {"grpc": 9002, "grpc-health": 9003, "metrics": 9090, "zmq": 5557}

MIGRATED = (
    "core-metrics-extractor",
    "hashBlockSize",
    "inference.networking.x-k8s.io",
    "model-server-protocol-metrics",
    "pd-profile-handler",
    "precise-prefix-cache-",
    "prefill-header-handler",
    "token-producer",
    "tokenProcessorConfig",
)
"""Words in a picker's configuration that the controller writes anew for the picker's release."""


def pod_labels(service: str, role: str) -> dict[str, str]:
    """The labels of a service's engines: the pool selects all but the last two of them."""
    component = "llminferenceservice-workload" + ("-prefill" if role == "prefill" else "")
    return {
        **selected_labels(service),
        "app.kubernetes.io/component": component,
        "llm-d.ai/role": role,
    }


def selected_labels(service: str) -> dict[str, str]:
    """The labels by which a service's pool selects its engines."""
    return {
        "app.kubernetes.io/name": service,
        "app.kubernetes.io/part-of": "llminferenceservice",
        "kserve.io/component": "workload",
    }


def picker_labels(service: str) -> dict[str, str]:
    """The labels of a service's endpoint picker."""
    return {
        "app.kubernetes.io/component": "llminferenceservice-router-scheduler",
        "app.kubernetes.io/name": service,
        "app.kubernetes.io/part-of": "llminferenceservice",
    }


def engine_pod(model: str, tensor: int | None, *, pool: str | None) -> dict[str, Any]:
    """The pod of an engine on one node, before what a service writes is merged over it.

    Args:
        model: The name that it is served under.
        tensor: Devices that share each layer.
        pool: The pool that a sidecar asks for prefill engines; None without a sidecar.
    """
    port = POOL_PORT if pool is None else _BEHIND_SIDECAR
    served = f"vllm serve /mnt/models --served-model-name {model} --port {port}"
    served += f" --tensor-parallel-size {tensor}" if tensor else ""
    probe = {"httpGet": {"path": "/health", "port": port}, "periodSeconds": 10}
    pod: dict[str, Any] = {
        "containers": [
            {
                "name": ENGINE,
                "image": _ENGINE_IMAGE,
                # The arguments of the service become those of the script, and so flags of vLLM.
                "command": [
                    "bash",
                    "-c",
                    f'eval "exec {served} ${{VLLM_ADDITIONAL_ARGS}} $@"',
                    "--",
                ],
                "env": [{"name": "HOME", "value": "/home"}],
                "ports": [{"containerPort": port}],
                "startupProbe": {**probe, "failureThreshold": 60},
                "readinessProbe": probe,
                "livenessProbe": probe,
                "volumeMounts": [
                    {"name": name, "mountPath": path} for name, path in _MOUNTS.items()
                ],
            }
        ],
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "volumes": [
            {"name": name, "emptyDir": {"medium": "Memory"} if name == "dshm" else {}}
            for name in _MOUNTS
        ],
    }
    if pool is not None:
        pod["initContainers"] = [_sidecar(pool)]
    return pod


def _sidecar(pool: str) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/health", "port": POOL_PORT}}
    return {
        "name": SIDECAR,
        "image": _SIDECAR_IMAGE,
        "restartPolicy": "Always",
        "command": [
            "/app/pd-sidecar",
            f"--port={POOL_PORT}",
            f"--vllm-port={_BEHIND_SIDECAR}",
            "--kv-connector=nixlv2",
            "--enable-ssrf-protection=true",
            f"--inference-pool={pool}",
            "--secure-proxy=false",
        ],
        "ports": [{"containerPort": POOL_PORT}],
        "readinessProbe": probe,
        "livenessProbe": probe,
    }


def picker_flags(pool: str, namespace: str) -> list[str]:
    """What the endpoint picker of a service is given, beside its configuration."""
    return [
        f"--pool-name={pool}",
        f"--pool-namespace={namespace}",
        f"--grpc-port={PICKER_PORTS['grpc']}",
        f"--grpc-health-port={PICKER_PORTS['grpc-health']}",
    ]


_PREFILL = {"prefix-cache-scorer": 3, "queue-scorer": 2, "kv-cache-utilization-scorer": 2}
_DECODE = {"active-request-scorer": 2, "prefix-cache-scorer": 3}
_UNIFIED = {**_PREFILL, "no-hit-lru-scorer": 2}
"""Scorers and their weights, in the profiles of pickers that are not told otherwise."""


def picker_config(*, disaggregated: bool) -> str:
    """The configuration of a picker whose service writes none.

    Without disagg-headers-handler, which is deprecated and has no effect beside the profile
    handler: a note on it would be for KServe, not for who writes the service.
    """
    if not disaggregated:
        profiles = [_profile("default", _UNIFIED)]
        handler: dict[str, Any] = {"type": "single-profile-handler"}
        others: list[str] = []
    else:
        profiles = [
            _profile("prefill", _PREFILL, "prefill-filter"),
            _profile("decode", _DECODE, "decode-filter"),
        ]
        decider = "always-disagg-pd-decider"
        handler = {
            "type": "disagg-profile-handler",
            "parameters": {"deciders": {"prefill": decider}},
        }
        others = [decider]
    used = {plugin["pluginRef"] for profile in profiles for plugin in profile["plugins"]}
    return json.dumps(
        {
            "apiVersion": "llm-d.ai/v1alpha1",
            "kind": "EndpointPickerConfig",
            "plugins": [*({"type": name} for name in (*others, *sorted(used))), handler],
            "schedulingProfiles": profiles,
        }
    )


def _profile(name: str, scorers: dict[str, int], *filters: str) -> dict[str, Any]:
    plugins = [
        *({"pluginRef": each} for each in filters),
        *({"pluginRef": each, "weight": weight} for each, weight in scorers.items()),
        {"pluginRef": "max-score-picker"},
    ]
    return {"name": name, "plugins": plugins}
