"""A small model on the CPU, for a cluster without an accelerator."""

from cdk8s_inference import App, Engine, ModelDeployment, PodSettings

app = App()
ModelDeployment(
    app,
    "smollm",
    name="smollm",
    namespace="ml-team",
    engines=[
        Engine.standalone(
            "cpu",
            image="vllm/vllm-openai-cpu:v0.32.0",
            args=["--model=HuggingFaceTB/SmolLM2-135M-Instruct"],
            pods=PodSettings(requests={"cpu": 4, "memory": "8Gi"}),
        )
    ],
)
app.synth()
