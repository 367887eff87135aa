"""The tokenizer that a preset needs: a deployment without one is refused."""

from __future__ import annotations

from typing import Any

import pytest
from cdk8s import ApiObject, JsonPatch

from cdk8s_inference import (
    App,
    DeviceRequest,
    DisaggregatedConfig,
    Engine,
    ModelDeployment,
    PrecisePrefix,
)

MODEL = "Qwen/Qwen3-8B"
LOOPBACK = "http://localhost:8000"
SETTINGS = (
    '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}',
    '--kv-events-config={"enable_kv_cache_events":true,"publisher":"zmq","endpoint":"tcp://*:5557"}',
    "--block-size=64",
)


def deployment(app: App, render_url: str) -> ModelDeployment:
    phases: list[tuple[Any, int]] = [("Prefill", 8000), ("Decode", 8200)]
    return ModelDeployment(
        app,
        "q",
        name="q",
        namespace="ml",
        engines=[
            Engine.standalone(
                phase.lower(),
                phase=phase,
                image="vllm/vllm-openai:v0.23.0",
                args=[f"--model={MODEL}", f"--port={port}", *SETTINGS],
                devices=[DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')],
            )
            for phase, port in phases
        ],
        serving_mode="PrefillDecode",
        picker_config=DisaggregatedConfig.precise_prefix(PrecisePrefix(MODEL, render_url)),
    )


def test_a_service_of_a_renderer() -> None:
    app = App()
    deployment(app, "http://renderer.ml:8000")
    app.synth_yaml()


def test_a_loopback_where_no_container_listens_is_refused() -> None:
    app = App()
    deployment(app, LOOPBACK)
    with pytest.raises(RuntimeError, match="T430") as refused:
        app.synth_yaml()
    assert LOOPBACK in str(refused.value)


def test_a_renderer_that_a_patch_adds_is_accepted() -> None:
    app = App()
    composed = deployment(app, LOOPBACK)
    (picker,) = (
        each
        for each in composed.node.find_all()
        if isinstance(each, ApiObject) and each.kind == "Deployment" and "epp" in each.name
    )
    renderer = {
        "name": "renderer",
        "image": "vllm/vllm-openai-cpu:v0.23.0",
        "command": ["vllm", "launch", "render"],
        "args": [MODEL],
        "ports": [{"containerPort": 8000}],
    }
    picker.add_json_patch(JsonPatch.add("/spec/template/spec/containers/-", renderer))
    assert "T430" not in {each.code for each in composed.check()}


@pytest.mark.parametrize("url", ["", "renderer:8000", "http://", "/tmp/tokenizer.socket"])
def test_an_address_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="render_url"):
        PrecisePrefix(MODEL, url)
