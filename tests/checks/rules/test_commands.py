"""Commands that start nothing, and variables that nobody sets."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.findings import REMOVED, Edit
from tests.checks.rendered import codes
from tests.kit import examples

_ENGINE = "spec.template.spec.containers[0]"
_FOLLOWER = "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0]"
_SERVER = "sglang.launch_server"


@pytest.mark.parametrize(
    ("command", "starts"),
    [
        (["python3", "-m", _SERVER], True),
        (["python3x", "-m", _SERVER], False),
        (["-m", _SERVER], False),
        (["python3", _SERVER], False),
        (["python3", "-mx", _SERVER], False),
        (["python3", "-m"], False),
        (["python3", "-m", "sglang.launch_serve"], False),
        (["python3", "-c", "import sglang"], True),
        (["$(PROGRAM)", "-m", _SERVER], True),
        (REMOVED, False),
    ],
)
def test_of_python(command: Any, starts: bool) -> None:
    edit = Edit("Deployment/prefill", f"{_ENGINE}.command", command)
    assert ("T661" in codes(examples.base("sglang", edit))) != starts


@pytest.mark.parametrize(
    ("command", "starts"),
    [
        (["/bin/sh", "-c"], True),
        (["/bin/bash", "-euo", "pipefail", "-c"], True),
        (["/usr/bin/env", "bash", "-c"], True),
        (["/bin/shx", "-c"], False),
        (["/bin/sh"], False),
        (["sh", "/scripts/start.sh"], True),
    ],
)
def test_of_a_shell(command: list[str], starts: bool) -> None:
    edit = Edit("LeaderWorkerSet/kimi", f"{_FOLLOWER}.command", command)
    assert ("T661" in codes(examples.base("gang", edit))) != starts


def test_without_a_script() -> None:
    edit = Edit("LeaderWorkerSet/kimi", f"{_FOLLOWER}.args", REMOVED)
    assert "T661" in codes(examples.base("gang", edit))


@pytest.mark.parametrize(
    ("env", "argument", "known"),
    [
        ({"name": "SEED", "value": "1"}, "--seed=$(SEED)", True),
        ({"name": "SEEDS", "value": "1"}, "--seed=$(SEED)", False),
        ({"name": "SEED", "value": "$(LATER)"}, "--seed=$(SEED)", False),
        ({"name": "SEED", "value": "1"}, "--seed=$$(OTHER)", True),
        ({"name": "SEED", "value": "1"}, "--seed=$(KUBERNETES_SERVICE_PORT)", True),
        ({"name": "SEED", "value": "1"}, "--seed=$(LWS_WORKER_INDEX)", False),
    ],
)
def test_variables(env: dict[str, str], argument: str, known: bool) -> None:
    objects = examples.base(
        "disaggregated",
        Edit("Deployment/decode", f"{_ENGINE}.args[4]", argument),
        Edit("Deployment/decode", f"{_ENGINE}.env[1]", env),
    )
    assert ("T660" in codes(objects)) != known


@pytest.mark.parametrize(
    ("script", "known"), [("vllm serve m --port $(port)", True), ("vllm serve $(MODEL)", False)]
)
def test_programs_of_a_script(script: str, known: bool) -> None:
    objects = examples.base(
        "disaggregated",
        Edit("Deployment/decode", f"{_ENGINE}.command", ["sh", "-c"]),
        Edit("Deployment/decode", f"{_ENGINE}.args", [script]),
    )
    assert ("T660" in codes(objects)) != known


def test_env_from_elsewhere() -> None:
    objects = examples.base(
        "disaggregated",
        Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--seed=$(SEED)"),
        Edit("Deployment/decode", f"{_ENGINE}.envFrom", [{"configMapRef": {"name": "more"}}]),
    )
    assert "T660" not in codes(objects)
