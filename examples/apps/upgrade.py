"""The router upgraded for one deployment first: a canary on the new release."""

from typing import Literal

from cdk8s_inference import App, DeviceRequest, Engine, ModelDeployment, Platform, router_release

NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
BEFORE = Platform(router=router_release("v0.9.0"))
AFTER = Platform(router=router_release("v0.10.0"))


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
for name, platform in (("qwen3-8b", BEFORE), ("qwen3-8b-canary", AFTER)):
    ModelDeployment(
        app,
        name,
        name=name,
        namespace="ml-team",
        serving_mode="PrefillDecode",
        engines=[engine("Prefill", 8000), engine("Decode", 8001)],
        platform=platform,
    )
app.synth()
