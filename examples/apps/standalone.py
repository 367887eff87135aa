"""No gateway at all: the picker has an Envoy of its own, behind a Service."""

from typing import Literal

from cdk8s_inference import App, DeviceRequest, Engine, Gateway, ModelDeployment, Platform
from cdk8s_inference.gateways import STANDALONE

NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'


def engine(phase: Literal["Prefill", "Decode"], port: int) -> Engine:
    """An engine of one phase, on one GPU."""
    return Engine.standalone(
        phase.lower(),
        phase=phase,
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
    engines=[engine("Prefill", 8000), engine("Decode", 8001)],
    platform=Platform(gateway=Gateway(provider=STANDALONE)),
)
app.synth()
