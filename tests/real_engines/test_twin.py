"""The twin with vLLM on the CPU, as it is composed: it starts, and hands over."""

from __future__ import annotations

from cdk8s_inference import (
    App,
    CpuVllm,
    DeviceRequest,
    Engine,
    ModelDeployment,
    Platform,
    Simulation,
)
from cdk8s_inference.document.model_deployment import Phase
from tests.document.builders import NIXL
from tests.real_engines.engines import Site, pods
from tests.real_engines.environment import NEWEST
from tests.real_engines.outcome import handed_over

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"', count=8)


def engine(phase: Phase, port: int) -> Engine:
    """As it is in production, where its model is asked for as the client here asks."""
    flags = ["--served-model-name=/mnt/models", "--tensor-parallel-size=8", f"--port={port}", NIXL]
    return Engine.standalone(
        phase.lower(),
        phase=phase,
        image="vllm/vllm-openai:v0.32.0",
        args=["--model=Qwen/Qwen3-235B-A22B", *flags],
        devices=[GPU],
    )


def test_a_twin_hands_over(site: Site) -> None:
    chart = ModelDeployment(
        App(),
        "twin",
        name="twin",
        namespace="ml-team",
        serving_mode="PrefillDecode",
        engines=[
            engine("Prefill", 8000),
            engine("Decode", 8001),
        ],
        platform=Platform(simulate=Simulation(vllm=CpuVllm(image="vllm-cpu-nixl:v0.32.0"))),
    )
    engines = [
        site.engine(pods(chart.to_json(), part)[0], release=NEWEST)
        for part in ("prefill", "decode")
    ]
    assert all(map(site.await_, engines)), [engine.log()[-3000:] for engine in engines]
    assert handed_over(site, *engines).verdict == "P/D"
