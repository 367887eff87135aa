"""One model over two nodes of eight GPUs: tensor parallel in a node, pipeline parallel across."""

from typing import Literal

from cdk8s_inference import App, DeviceRequest, Engine, GangPlacement, Member, ModelDeployment

GPUS = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"', count=8)
# Each pod has its place in the gang, and the leader's address, as variables.
LAUNCH = [
    "exec vllm serve /mnt/models --served-model-name=kimi-k2 --port=8000",
    "--tensor-parallel-size=8 --pipeline-parallel-size=2",
    "--nnodes=2 --node-rank=$(MODELPLANE_RANK) --master-addr=$(MODELPLANE_LEADER_ADDRESS)",
]


def member(role: Literal["Leader", "Worker"], *more: str, nodes: int | None = None) -> Member:
    """One kind of pod of the gang, with eight GPUs."""
    return Member.of(
        role,
        image="vllm/vllm-openai:v0.32.0",
        command=["/bin/sh", "-c"],
        args=[" ".join([*LAUNCH, *more])],
        devices=[GPUS],
        nodes=nodes,
    )


app = App()
ModelDeployment(
    app,
    "kimi-k2",
    name="kimi-k2",
    namespace="ml-team",
    # Each pod would download the weights otherwise.
    model_cache="kimi-k2",
    engines=[
        Engine(
            name="kimi",
            members=[member("Leader"), member("Worker", "--headless", nodes=1)],
            gang=GangPlacement(exclusive_topology="example.com/rack"),
        )
    ],
)
app.synth()
