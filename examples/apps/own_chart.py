"""Engines in a chart of your own, beside objects of other libraries, and routed by hand."""

from cdk8s_inference import (
    ApiObject,
    App,
    Chart,
    DeviceRequest,
    Engine,
    EngineGroup,
    JsonPatch,
    UnifiedRouting,
)

app = App()
chart = Chart(app, "search", namespace="search", labels={"example.com/team": "search"})
group = EngineGroup(
    chart,
    "embedder",
    name="embedder",
    namespace="search",
    engine=Engine.standalone(
        "embedder",
        image="vllm/vllm-openai:v0.32.0",
        args=["--model=Qwen/Qwen3-Embedding-8B", "--runner=pooling"],
        devices=[DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')],
    ),
)
UnifiedRouting(chart, "routing", engines=[group], name="embedder", namespace="search")

quota = ApiObject(chart, "quota", api_version="v1", kind="ResourceQuota")
quota.add_json_patch(JsonPatch.add("/spec", {"hard": {"pods": "20"}}))
app.synth()
