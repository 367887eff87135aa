"""Who answers a picker that asks for the tokens of a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from tests.checks.rendered import codes, found, the
from tests.kit import examples

Json = dict[str, Any]

MODEL = "Qwen/Qwen3-32B"
TOKENIZER = {"T430", "T431", "T432"}


def objects(parameters: str, *further: Json, beside: Json | None = None) -> list[Json]:
    """The example of T430 with other parameters of its token producer, and further objects."""
    found: list[Json] = examples.broken("T430")
    config = the(found, "ConfigMap", "qwen-epp")["data"]
    (text,) = config.values()
    old = 'modelName: Qwen/Qwen3-32B, vllm: {url: "http://localhost:8000"}'
    assert old in text
    config["picker.yaml"] = text.replace(old, parameters)
    if beside is not None:
        pod = the(found, "Deployment", "qwen-epp")["spec"]["template"]["spec"]
        pod["containers"].append(beside)
    return [*found, *further]


def at(url: str, model: str = MODEL) -> str:
    return f'modelName: {model}, vllm: {{url: "{url}"}}'


def renderer(*args: str, **fields: Any) -> Json:
    return {
        "name": "renderer",
        "image": "vllm/vllm-openai-cpu:v0.23.0",
        "command": ["vllm", "launch", "render"],
        "args": [MODEL, *args],
        "volumeMounts": [{"name": "cache", "mountPath": "/root/.cache"}],
        **fields,
    }


def service(port: int = 8000, target: int | str = 8000, **fields: Any) -> list[Json]:
    """A renderer with a Service of its own."""
    labels = {"app": "renderer"}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "renderer", "namespace": "llm"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [renderer(ports=[{"name": "http", "containerPort": 8000}])],
                        "volumes": [{"name": "cache", "emptyDir": {}}],
                    },
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "renderer", "namespace": "llm"},
            "spec": {"selector": labels, "ports": [{"port": port, "targetPort": target}], **fields},
        },
    ]


def reported(objects: list[Json]) -> list[tuple[str, str]]:
    return [(each.code, each.severity) for each in found(objects) if each.code in TOKENIZER]


@pytest.mark.parametrize(
    "parameters",
    [
        at("http://localhost:8000"),
        at("http://127.0.0.1:8000/"),
        at("http://[::1]:8000"),
        # The picker's own default.
        f"modelName: {MODEL}",
        f"modelName: {MODEL}, vllm: {{timeout: 5s}}",
        # A socket of a container that is not there.
        f"modelName: {MODEL}, udsTokenizerConfig: {{socketFile: /tmp/tokenizer/uds.socket}}",
    ],
)
def test_a_loopback_where_no_container_listens(parameters: str) -> None:
    assert reported(objects(parameters)) == [("T430", "error")]


@pytest.mark.parametrize(
    "parameters",
    [
        # It estimates, and asks no tokenizer.
        "estimate: {}",
        "",
        # Not read: it may be anywhere.
        at("http://renderer.models:8000"),
        at("http://tokenizer.example.com"),
        at("http://${RENDERER}:8000"),
    ],
)
def test_what_is_no_loopback(parameters: str) -> None:
    assert reported(objects(parameters)) == []


@pytest.mark.parametrize(
    ("port", "beside", "expected"),
    [
        (8000, renderer(), []),
        (8100, renderer("--port=8100"), []),
        (8100, renderer(), [("T430", "error")]),
        (8000, renderer("--port=8100"), [("T430", "error")]),
        (8000, renderer("--port=$(PORT)"), []),
        # What another program listens on is not known, whatever it declares.
        (8000, {"name": "x", "image": "registry.example/x:1"}, []),
        (8000, {"name": "x", "image": "x:1", "ports": [{"containerPort": 8000}]}, []),
        (
            8000,
            {"name": "x", "image": "x:1", "ports": [{"containerPort": 9000}]},
            [("T430", "warning")],
        ),
    ],
)
def test_a_container_beside_the_picker(port: int, beside: Json, expected: list[Any]) -> None:
    assert reported(objects(at(f"http://localhost:{port}"), beside=beside)) == expected


def test_the_node_may_listen_for_pods_of_its_network() -> None:
    read = objects(at("http://localhost:8000"))
    the(read, "Deployment", "qwen-epp")["spec"]["template"]["spec"]["hostNetwork"] = True
    assert reported(read) == []


URL = "http://renderer.llm.svc.cluster.local:8000"


@pytest.mark.parametrize(
    "url",
    [URL, "http://renderer:8000", "http://renderer.llm:8000/", "http://renderer.llm.svc:8000"],
)
def test_a_service_that_answers(url: str) -> None:
    assert codes(objects(at(url), *service())) == set()


@pytest.mark.parametrize(
    ("url", "port", "target"),
    [
        ("http://renderer", 8000, 8000),
        (URL, 80, 8000),
        (URL, 8000, 9000),
        ("https://renderer:8000", 8000, 8000),
    ],
)
def test_a_service_that_does_not_answer(url: str, port: int, target: int) -> None:
    assert reported(objects(at(url), *service(port, target))) == [("T431", "error")]


def test_a_headless_service_has_the_ports_of_its_pods() -> None:
    read = service(80, clusterIP="None")
    assert reported(objects(at(URL), *read)) == []


def test_tls_where_the_renderer_serves_it() -> None:
    read = service()
    read[0]["spec"]["template"]["spec"]["containers"] = [
        renderer("--ssl-certfile=/tls/crt", "--ssl-keyfile=/tls/key")
    ]
    assert reported(objects(at("https://renderer:8000"), *read)) == []
    assert reported(objects(at(URL), *read)) == [("T431", "error")]


@pytest.mark.parametrize(
    ("model", "args", "expected"),
    [
        ("Qwen/Qwen3-8B", [], [("T432", "error")]),
        (MODEL, ["--served-model-name", "qwen"], [("T432", "error")]),
        ("qwen", ["--served-model-name", "chat", "qwen", "--port=8000"], []),
        ("qwen", ["--served-model-name=$(NAME)"], []),
        ("adapter", ["--lora-modules", "adapter=/lora"], []),
        ("qwen", ["--config=/etc/vllm.yaml"], []),
    ],
)
def test_the_model_that_the_renderer_serves(
    model: str, args: list[str], expected: list[Any]
) -> None:
    read = service()
    read[0]["spec"]["template"]["spec"]["containers"] = [renderer(*args)]
    assert reported(objects(at(URL, model), *read)) == expected
    assert reported(objects(at("http://localhost:8000", model), beside=renderer(*args))) == expected


def test_engines_as_renderers() -> None:
    engines = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "engines", "namespace": "llm"},
        "spec": {"selector": {"model": "qwen"}, "ports": [{"port": 8000}]},
    }
    assert reported(objects(at("http://engines:8000"), engines)) == []
    assert reported(objects(at("http://engines:8000", "qwen"), engines)) == [("T432", "error")]
