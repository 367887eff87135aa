"""The deployments that every side composes, as documents."""

from __future__ import annotations

from typing import Any, Literal

Mode = Literal["Unified", "PrefillDecode"]

IMAGE = "vllm/vllm-openai:v0.23.0"
NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
MODEL = "--model=Qwen/Qwen3-8B"
HOPPER = 'device.attributes["gpu.nvidia.com"].architecture == "Hopper"'
NAMESPACE = "ml-team"


def name(index: int) -> str:
    """The name of a deployment. No other text of its objects holds one."""
    return f"bench-{index:04}"


def document(mode: Mode, index: int) -> dict[str, Any]:
    """A ModelDeployment document."""
    if mode == "Unified":
        replica: dict[str, Any] = {"engines": [_engine("engine", MODEL)]}
    else:
        replica = {
            "serving": {"mode": mode},
            "engines": [
                {**_engine("prefill", MODEL, "--port=8000", NIXL), "phase": "Prefill"},
                {**_engine("decode", MODEL, "--port=8001", NIXL), "phase": "Decode"},
            ],
        }
    return {
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name(index), "namespace": NAMESPACE},
        "spec": {"replicas": 1, "template": {"spec": replica}},
    }


def _engine(engine: str, *args: str) -> dict[str, Any]:
    device = {"name": "gpu", "selectors": [{"cel": HOPPER}]}
    container = {"name": "engine", "image": IMAGE, "args": list(args)}
    return {
        "name": engine,
        "members": [
            {
                "nodeSelector": {"devices": [device]},
                "template": {"spec": {"containers": [container]}},
            }
        ],
    }
