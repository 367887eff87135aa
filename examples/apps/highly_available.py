"""Prefill and decode that outlive a node: copies over zones, and a picker with a standby."""

from typing import Literal

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    ModelDeployment,
    PickerOptions,
    Platform,
    PodSettings,
    Rollout,
)

NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'


def engine(phase: Literal["Prefill", "Decode"], port: int, copies: int) -> Engine:
    """An engine of one phase, on one GPU."""
    return Engine.standalone(
        phase.lower(),
        phase=phase,
        copies=copies,
        image="vllm/vllm-openai:v0.32.0",
        args=["--model=Qwen/Qwen3-8B", f"--port={port}", NIXL],
        devices=[DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')],
    )


app = App()
ModelDeployment(
    app,
    "qwen3-8b",
    name="qwen3-8b",
    namespace="ml-team",
    serving_mode="PrefillDecode",
    engines=[engine("Prefill", 8000, copies=2), engine("Decode", 8001, copies=4)],
    platform=Platform(
        picker=PickerOptions(high_availability=True),
        pods=PodSettings(spread=["node", "zone"]),
        rollout=Rollout.in_place(),
    ),
)
app.synth()
