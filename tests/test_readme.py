"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from cdk8s import App
from click.testing import CliRunner

from cdk8s_inference import EnvVar, ModelDeployment
from cdk8s_inference.cli.commands import commands

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON, DECORATION = (text for language, text in BLOCKS if language == "python")
(DOCUMENT,) = (text for language, text in BLOCKS if language == "yaml")
(REFUSAL,) = (text for language, text in BLOCKS if language == "text")


def composed() -> str:
    app = App()
    ModelDeployment.from_document(app, "qwen3-8b", yaml.safe_load(DOCUMENT))
    return app.synth_yaml()


def test_the_python_composes_what_the_document_does() -> None:
    scope: dict[str, App] = {}
    exec(PYTHON.replace("app.synth()", ""), scope)
    assert scope["app"].synth_yaml() == composed()


def test_the_objects_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| (`[^|]+) \|", README, re.MULTILINE)
    written = {
        (kind, name)
        for kinds, names in rows
        for kind in re.findall(r"`(\w+)`", kinds)
        for name in re.findall(r"`([^`]+)`", names)
        if name.startswith("qwen3-8b-0")
    }
    objects = yaml.safe_load_all(composed())
    assert written == {(item["kind"], item["metadata"]["name"]) for item in objects}


def test_the_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("qwen3-8b.yaml").write_text(DOCUMENT.replace("--port=8001", "--port=8000"))
    result = CliRunner().invoke(commands, ["synth", "qwen3-8b.yaml", "--output", "dist"])
    assert result.exit_code == 1
    assert REFUSAL in result.stderr
    assert not Path("dist").exists()


def test_the_decoration() -> None:
    app = App()
    deployment = ModelDeployment.from_document(app, "qwen3-8b", yaml.safe_load(DOCUMENT))
    exec(DECORATION, {"deployment": deployment, "EnvVar": EnvVar})
    (decode,) = (
        item
        for item in yaml.safe_load_all(app.synth_yaml())
        if item["kind"] == "Deployment" and item["metadata"]["name"] == "qwen3-8b-0-decode"
    )
    template = decode["spec"]["template"]
    assert template["metadata"]["annotations"] == {"example.com/team": "search"}
    env = template["spec"]["containers"][0]["env"]
    assert {"name": "VLLM_LOGGING_LEVEL", "value": "DEBUG"} in env
