"""Two teams on one cluster: a namespace, a node pool and a priority each, and one gateway."""

from dataclasses import replace

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    Flux,
    Listener,
    ModelDeployment,
    Platform,
    PodSettings,
    ServingStack,
)

TEAMS = {"search": "h100", "chat": "h200"}

app = App()
stack = ServingStack(
    app,
    "stack",
    delivery=Flux(),
    # No other namespace may attach routes to the gateway.
    listeners=[Listener.http(namespaces=list(TEAMS))],
    kubernetes="1.34",
    model_namespaces=list(TEAMS),
)
common = Platform(gateway=stack.gateway)
for team, pool in TEAMS.items():
    ModelDeployment(
        app,
        f"{team}-qwen",
        name="qwen3-8b",
        namespace=team,
        engines=[
            Engine.standalone(
                "qwen",
                image="vllm/vllm-openai:v0.32.0",
                args=["--model=Qwen/Qwen3-8B"],
                devices=[DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')],
            )
        ],
        platform=replace(
            common,
            node_pool=pool,
            pods=PodSettings(priority_class_name=f"{team}-models"),
        ),
    )
app.synth()
