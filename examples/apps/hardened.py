"""Pods that Pod Security admits under restricted, with images by their digests."""

from cdk8s_inference import App, DeviceRequest, Engine, ModelDeployment, Platform, PodSettings

IMAGE = "vllm/vllm-openai:v0.32.0"
DIGEST = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

app = App()
ModelDeployment(
    app,
    "qwen3-8b",
    name="qwen3-8b",
    namespace="ml-team",
    model_cache="qwen3-8b",
    engines=[
        Engine.standalone(
            "qwen",
            image=IMAGE,
            args=["--served-model-name=qwen3-8b"],
            devices=[DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')],
        )
    ],
    platform=Platform(pods=PodSettings.hardened(), image_digests={IMAGE: DIGEST}),
)
app.synth()
