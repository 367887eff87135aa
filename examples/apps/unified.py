"""One model on one GPU: two replicas, and one address for both."""

from cdk8s_inference import App, DeviceRequest, Engine, EnvVar, ModelDeployment

app = App()
ModelDeployment(
    app,
    "qwen3-8b",
    name="qwen3-8b",
    namespace="ml-team",
    replicas=2,
    engines=[
        Engine.standalone(
            "qwen",
            image="vllm/vllm-openai:v0.32.0",
            args=["--model=Qwen/Qwen3-8B"],
            env=[EnvVar.from_secret("HF_TOKEN", "hf-token", "HF_TOKEN")],
            devices=[DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')],
        )
    ],
)
app.synth()
