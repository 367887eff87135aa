"""The app to copy: a serving stack, two deployments in typed Python, one read from a document."""

from pathlib import Path

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    EnvVar,
    Flux,
    Listener,
    ModelDeployment,
    Platform,
    ServingStack,
)

HERE = Path(__file__).parent
IMAGE = "vllm/vllm-openai:v0.32.0"
HF_TOKEN = EnvVar.from_secret("HF_TOKEN", "hf-token", "HF_TOKEN")
NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'


def gpus(count: int) -> DeviceRequest:
    """GPUs with room for the weights; an 80 GB card reports a little less than 80Gi."""
    memory = 'device.capacity["gpu.nvidia.com"].memory'
    return DeviceRequest.of("gpu", f'{memory}.compareTo(quantity("70Gi")) >= 0', count=count)


app = App()

# What a cluster needs first: CRDs, namespaces, controllers, the gateway. Flux installs the charts.
stack = ServingStack(
    app,
    "stack",
    delivery=Flux(),
    # Only for a network that you trust: with issuer=Issuer(...) the gateway is on HTTPS.
    listeners=[Listener.http(namespaces=["ml-team"])],
    kubernetes="1.34",
    model_namespaces=["ml-team"],
)
platform = Platform(gateway=stack.gateway, node_pool="h100")

# One engine, prefill and decode together, two complete replicas of it.
ModelDeployment(
    app,
    "qwen3-8b",
    name="qwen3-8b",
    namespace="ml-team",
    replicas=2,
    engines=[
        Engine.standalone(
            "qwen",
            image=IMAGE,
            args=["--model=Qwen/Qwen3-8B", "--max-model-len=32768"],
            env=[HF_TOKEN],
            devices=[gpus(1)],
        )
    ],
    platform=platform,
)

# Prefill on one engine, decode on another. Decode listens beside its sidecar, which takes 8000.
ModelDeployment(
    app,
    "llama-70b",
    name="llama-70b",
    namespace="ml-team",
    serving_mode="PrefillDecode",
    model_cache="llama-70b",
    engines=[
        Engine.standalone(
            "prefill",
            phase="Prefill",
            copies=2,
            image=IMAGE,
            args=["--tensor-parallel-size=2", "--port=8000", NIXL],
            devices=[gpus(2)],
        ),
        Engine.standalone(
            "decode",
            phase="Decode",
            image=IMAGE,
            args=["--tensor-parallel-size=2", "--port=8001", NIXL],
            devices=[gpus(2)],
        ),
    ],
    platform=platform,
)

# A document, as a model engineer writes it.
ModelDeployment.from_file(
    app, "gpt-oss-120b", HERE / "examples" / "gpt-oss-120b.yaml", platform=platform
)

app.synth()
