"""SGLang with prefill and decode apart. Its decode engines cannot prefill."""

from typing import Literal

from cdk8s_inference import App, DeviceRequest, Engine, ModelDeployment


def engine(phase: Literal["Prefill", "Decode"], port: int) -> Engine:
    """An engine of one phase, on one GPU."""
    return Engine.standalone(
        phase.lower(),
        phase=phase,
        image="lmsysorg/sglang:v0.5.23",
        command=["python3", "-m", "sglang.launch_server"],
        args=[
            "--model-path=Qwen/Qwen3-8B",
            # Its default is 127.0.0.1, where nobody reaches it.
            "--host=0.0.0.0",
            f"--port={port}",
            f"--disaggregation-mode={phase.lower()}",
            "--disaggregation-transfer-backend=mooncake",
            # Without it the picker sees no load.
            "--enable-metrics",
        ],
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
)
app.synth()
