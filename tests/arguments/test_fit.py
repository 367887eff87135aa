"""What a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cdk8s import Chart

from cdk8s_inference import (
    App,
    ArgoCD,
    DeviceRequest,
    Engine,
    EngineGroup,
    EnvVar,
    Gateway,
    InvalidInput,
    Member,
    ModelDeployment,
    PickerOptions,
    Platform,
    Plugin,
    ServingStack,
)

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
ENGINE = Engine.standalone("qwen", image="vllm/vllm-openai:v0.23.0", devices=[GPU])
DEPLOYMENT = ModelDeployment(App(), "a", name="qwen", namespace="ml", engines=[ENGINE])
GROUP = EngineGroup(Chart(App(), "chart"), "group", engine=ENGINE)
Wrong = Any
"""Whatever mypy would refuse."""


def stack(**arguments: Wrong) -> Callable[[], object]:
    return lambda: ServingStack(App(), "stack", **arguments)


def standalone(**arguments: Wrong) -> Callable[[], object]:
    return lambda: Engine.standalone("qwen", **{"image": "i", **arguments})


def deployed(**arguments: Wrong) -> Callable[[], object]:
    given = {"name": "qwen", "namespace": "ml", "engines": [ENGINE], **arguments}
    return lambda: ModelDeployment(App(), "a", **given)


def made(kind: Any, **arguments: Wrong) -> Callable[[], object]:
    return lambda: kind(**arguments)


SAID: list[tuple[Callable[[], object], str, str]] = [
    (standalone(command="vllm serve"), "command: must be a list of", 'write ["vllm", "serve"]'),
    (standalone(args="--a 'b c'"), "args: must be a list of", 'write ["--a", "b c"]'),
    (standalone(image=" i"), 'image: " i" has an invalid format', "remove the white space"),
    (standalone(copies="2"), 'copies: must be an integer, is the string "2"', "write 2"),
    (standalone(env={"A": "b"}), "env: must be a list of EnvVars", "write a list"),
    (made(EnvVar, name="A", value=5), "value: must be a string or None", 'write "5", in quotes'),
    (made(Engine, name="a"), "members: is missing", "give members"),
    (deployed(engines=(each for each in [ENGINE])), "is a generator", "write a list: list(x)"),
    (deployed(engines=ENGINE), "engines: must be a list of Engines", "put it into a list: [x]"),
    (deployed(serving_mode="unified"), 'is the string "unified"', 'write "Unified"'),
    (deployed(name=""), "name: is empty", "give a value"),
    (deployed(labels={"a b": "c"}), 'key "a b": has an invalid format', "letters, digits"),
    (stack(model_namespaces="team"), "model_namespaces: must be a list", 'write ["team"]'),
    (stack(kubernetes=1.34), "is the number 1.34", 'write "1.34", in quotes'),
    (stack(delivery=ArgoCD), "is the class ArgoCD", "write ArgoCD(): an instance"),
    (stack(delivery="argocd"), "must be a Delivery or None", "ArgoCD(...) or Crossplane(...)"),
    (stack(values={"lws": 3}), "values.lws: must be a dict", "write a dict"),
    (stack(values={"lws": {"at": datetime.now()}}), "values.lws.at: is a datetime", "use dicts"),
    (made(Platform, router="v0.10.0"), "router: must be a", 'write router_release("v0.10.0")'),
    (made(Gateway, provider="istio"), "provider: must be a", 'GATEWAY_PROVIDERS["istio"]'),
    (made(PickerOptions, cpu=float("inf")), "cpu: is inf, must be a finite", "use a number"),
    (made(PickerOptions, memory_gibibytes=9), "is 8, below the 9 that memory", "raise it"),
    (lambda: Plugin("a", {"b": [float("nan")]}), "parameters.b[0]: is nan", "use a finite number"),
    (lambda: GROUP.add_label("a", 5), "value: must be a", 'write "5"'),  # type: ignore[arg-type]
    (lambda: GROUP.add_sidecar({"name": "a"}), "container: has no image", 'add "image"'),
    (lambda: GROUP.add_container({"image": "a"}), "container: has no name", 'add "name"'),
    (lambda: GROUP.add_volume({}), "volume: has no name", 'add "name"'),
    (
        lambda: DEPLOYMENT.waive("T503", "a", until="2026-12-01"),  # type: ignore[arg-type]
        "until: must be a date or None",
        "write date(2026, 12, 1)",
    ),
]


@pytest.mark.parametrize(("call", "message", "fix"), SAID)
def test_what_is_said(call: Callable[[], object], message: str, fix: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        call()
    said = str(raised.value).partition("\n    fix: ")
    assert message in said[0]
    assert fix in said[2]


def test_an_unknown_argument_of_an_engine() -> None:
    given: Any = {"memebers": []}
    with pytest.raises(InvalidInput) as raised:
        Engine(name="a", **given)
    assert [(each.path, each.fix) for each in raised.value.findings] == [
        ("members", "give members"),
        ("memebers", "write members"),
    ]


def test_a_device_request_needs_an_expression() -> None:
    with pytest.raises(TypeError, match=r"DeviceRequest.of\(\) missing .* argument: 'cel'"):
        DeviceRequest.of("gpu")  # type: ignore[call-arg]


def test_an_engine_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(KeyError, match="there is no engine 'quen'; there are 'qwen'"):
        DEPLOYMENT.replicas[0].engines["quen"]


def test_what_documents_say_as_mappings_may_be_said_so_in_python() -> None:
    pod: Any = {"containers": [{"name": "engine", "image": "i"}]}
    template: Any = {"spec": pod}
    assert Member(template=template).container.image == "i"
    template = {"spec": {**pod, "imagePullSecrets": [{}]}}
    with pytest.raises(InvalidInput, match=r"template.spec.image_pull_secrets\[0\].name"):
        Member(template=template)
