"""What must not be shown: characters that control a terminal, and secrets, in any format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference import InvalidInput, ModelDeployment
from cdk8s_inference.cli import formats as cli_formats
from cdk8s_inference.document.model_deployment import Container
from cdk8s_inference.findings import Finding
from tests.cli.console import run, save
from tests.document.builders import Json, as_yaml, at, unified

CONTROLS = "\x1b]0;title\x07 \x9b2J \u202e\u2066 \x7f \r"
CONTAINER = ("spec", "template", "spec", "engines", 0, "members", 0, "template", "spec")
SECRET = "correct-horse-battery"

FORMATS = pytest.mark.parametrize("format", cli_formats.FORMATS)


def container(document: Json) -> Any:
    return at(document, (*CONTAINER, "containers", 0))


def shows_controls(text: str) -> bool:
    return not all(line.isprintable() for line in text.split("\n"))


@FORMATS
def test_controls_in_keys_and_values(format: str, tmp_path: Path) -> None:
    document = unified()
    document["spec"][CONTROLS] = 1
    container(document)["args"] = [f"--model=a\n{CONTROLS}", CONTROLS]
    document["spec"]["replicas"] = CONTROLS
    document["metadata"]["labels"] = {CONTROLS: CONTROLS}
    result = run("check", save(tmp_path / "a.yaml", document), "--format", format)
    assert result.exit_code == 1
    assert not shows_controls(result.stdout)


@FORMATS
def test_controls_in_a_comment(format: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    first, second, *rest = as_yaml(unified()).splitlines()
    for name, raw in (("refused", "\x1b[2J\x9b2J\x07"), ("read", "\u202e\u2066")):
        spoiled = "\n".join([first, f"{second} # {raw} nothing wrong", *rest, "x: [", "y: 1"])
        file.write_text(spoiled)
        result = run("check", file, "--format", format)
        assert result.exit_code == 1, name
        assert not shows_controls(result.stdout)


@FORMATS
@pytest.mark.parametrize("name", [f"a{CONTROLS}.yaml", "\udcff.yaml"])
def test_controls_in_names_of_files(format: str, name: str, tmp_path: Path) -> None:
    save(tmp_path / name, {**unified(), "spec": 1})
    for path in (tmp_path, tmp_path / name, tmp_path / f"absent{name}"):
        result = run("check", path, "--format", format)
        assert result.exit_code == 1
        assert not shows_controls(result.stdout)


def test_controls_in_exceptions() -> None:
    finding = Finding("D001", "error", CONTROLS, CONTROLS, CONTROLS, CONTROLS, 1, CONTROLS)
    assert not shows_controls(str(InvalidInput([finding, finding])))


def with_secrets() -> Json:
    """A document that is wrong at each of its secrets."""
    document = unified()
    document["spec"]["apiKey"] = SECRET
    engine = container(document)
    engine["env"] = [
        {"name": "HF_TOKEN", "vaule": SECRET},
        {"name": "NOTE", "value": [SECRET]},
        {"name": "NOTE", "value": SECRET, "valueFrom": {"secretKeyRef": SECRET}},
        {"name": "NUMBER", "value": 12345678901},
    ]
    engine["args"] = [
        "--model=a",
        f"--api-key '{SECRET}'",
        "--hf-token",
        f"“{SECRET}”",
        f"--api-key={SECRET}",
    ]
    return document


@FORMATS
def test_secrets_of_documents(format: str, tmp_path: Path) -> None:
    result = run("check", save(tmp_path / "a.yaml", with_secrets()), "--format", format)
    assert result.exit_code == 1
    assert "env[0].vaule" in result.stdout.replace("\\", "")
    assert SECRET not in result.stdout
    assert "12345678901" not in result.stdout
    assert run("synth", tmp_path / "a.yaml", "--stdout").stderr.count(SECRET) == 0


@FORMATS
def test_secrets_of_manifests(format: str, tmp_path: Path) -> None:
    engine = container(with_secrets())
    engine["ports"] = [{"containerPort": 8000}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    given = save(tmp_path / "a.yaml", {**pod, "spec": {"containers": [engine]}})
    flow = tmp_path / "b.yaml"
    flow.write_text(
        yaml.safe_dump(
            {**pod, "spec": {"containers": [engine]}}, width=10**6, default_flow_style=True
        )
    )
    for file in (given, flow):
        result = run("check", file, "--format", format)
        assert "T905" in result.stdout
        assert SECRET not in result.stdout


def test_secrets_of_lines_that_are_not_parsed(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    for line in (f"  token: {SECRET}: [", f"  - value: {SECRET}: [", f"args: [--api-key={SECRET}"):
        file.write_text(f"apiVersion: v1\nkind: Pod\n{line}\n")
        result = run("check", file)
        assert "error[D001]" in result.stdout
        assert SECRET not in result.stdout


def test_secrets_in_another_spelling(tmp_path: Path) -> None:
    """The line of a value that is written with escapes, or begins there."""
    text = as_yaml(unified())
    for written in ('"correct\\x2dhorse\\x2dbattery"', f"\n  {SECRET}", f">-\n  {SECRET}"):
        file = tmp_path / "a.yaml"
        file.write_text(f"{text}apiKey: {written}\n")
        result = run("check", file)
        assert "apiKey: field is not defined" in result.stdout
        assert "horse" not in result.stdout


def test_secrets_in_exceptions(tmp_path: Path) -> None:
    from cdk8s import App

    with pytest.raises(InvalidInput) as refused:
        ModelDeployment.from_file(App(), "a", save(tmp_path / "a.yaml", with_secrets()))
    assert SECRET not in str(refused.value)
    with pytest.raises(ValueError, match="vaule") as mistyped:
        Container.model_validate({"name": "a", "image": "b", "env": [{"vaule": SECRET}]})
    assert SECRET not in str(mistyped.value)
