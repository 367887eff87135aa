"""What each format says of one report: an error, a warning, and what is waived."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from email.message import Message
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from jsonschema_rs import Draft4Validator, Draft202012Validator
from lxml import etree

import cdk8s_inference
from cdk8s_inference.cli.formats import FORMATS, sarif
from tests.cli.console import run
from tests.kit import examples

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats")
    objects = examples.broken("T201")
    route = next(each for each in objects if each["kind"] == "HTTPRoute")
    route["spec"]["rules"][0]["timeouts"] = {"request": "15s"}
    route["metadata"]["annotations"] = {"cdk8s-inference/waive-T503": "short | <answers>"}
    (folder / "bad one.yaml").write_text(yaml.safe_dump_all(objects, sort_keys=False))
    (folder / "good.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: llm}\n"
    )
    return folder


@pytest.fixture
def said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)
    return lambda format: run("check", folder, "--format", format).stdout


def test_json(said: Any) -> None:
    found = json.loads(said("json"))
    schema = json.loads((ROOT / "docs" / "findings.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(found)) == []
    waived = [each["waived"] for each in found if "waived" in each]
    assert waived == ["short | <answers>"]
    assert list(Draft202012Validator(schema).iter_errors(found[:-1])) != []


def test_sarif_is_valid(said: Any) -> None:
    schema = json.loads((HERE / "sarif-2.1.0.json").read_text())
    validator = Draft4Validator(schema, validate_formats=True)
    log = json.loads(said("sarif"))
    assert list(validator.iter_errors(log)) == []
    log["runs"][0]["tool"]["driver"]["rules"][0]["helpUri"] = "rules/T201.md"
    assert list(validator.iter_errors(log)) != []


def test_sarif_where_the_documentation_is_known(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said_of = Message()
    said_of["Project-URL"] = "Documentation, https://docs.example.com/"
    monkeypatch.setattr(sarif, "metadata", lambda _: said_of)
    driver = json.loads(said("sarif"))["runs"][0]["tool"]["driver"]
    assert driver["informationUri"] == "https://docs.example.com"
    assert driver["rules"][0]["helpUri"] == "https://docs.example.com/rules/T201.md"


def test_sarif(said: Any) -> None:
    (log,) = json.loads(said("sarif"))["runs"]
    rules = {each["id"]: each for each in log["tool"]["driver"]["rules"]}
    assert rules["T201"]["defaultConfiguration"] == {"level": "error"}
    assert rules["T201"]["help"]["markdown"].startswith("# T201: ")
    assert "helpUri" not in rules["T201"]
    results = {each["ruleId"]: each for each in log["results"]}
    location = results["T201"]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "bad%20one.yaml"}
    (suppression,) = results["T503"]["suppressions"]
    assert suppression["justification"] == "short | <answers>"
    assert "suppressions" not in results["T201"]


def test_fingerprints_do_not_depend_on_lines(said: Any, folder: Path) -> None:
    def fingerprints() -> list[str]:
        results = json.loads(said("sarif"))["runs"][0]["results"]
        return [each["partialFingerprints"]["cdk8sInference/v1"] for each in results]

    before = fingerprints()
    file = folder / "bad one.yaml"
    text = file.read_text()
    file.write_text(f"# a line more\n{text}")
    assert fingerprints() == before
    file.write_text(text)


def test_github(said: Any) -> None:
    lines = said("github").splitlines()
    assert any(each.startswith("::error file=bad one.yaml,line=") for each in lines)


def test_gitlab(said: Any) -> None:
    issues = json.loads(said("gitlab"))
    assert {each["severity"] for each in issues} == {"major", "info"}
    assert len({each["fingerprint"] for each in issues}) == len(issues)
    assert all(each["location"]["path"] == "bad one.yaml" for each in issues)
    assert all(each["location"]["lines"]["begin"] > 0 for each in issues)


def test_junit_is_valid(said: Any) -> None:
    schema = etree.XMLSchema(file=HERE / "junit.xsd")
    root = etree.fromstring(said("junit").encode())
    schema.assertValid(root)
    del root[0].attrib["tests"]
    assert not schema.validate(root)


def test_junit(said: Any) -> None:
    root = ElementTree.fromstring(said("junit"))
    bad, good = root.findall("testsuite")
    assert (bad.get("name"), bad.get("failures"), bad.get("skipped")) == ("bad one.yaml", "1", "1")
    (failure,) = bad.iter("failure")
    assert failure.get("type") == "T201"
    assert (good.get("tests"), len(good.findall("testcase/*"))) == ("1", 0)
    for suite in root:
        assert {"name", "tests", "failures", "errors"} <= {*suite.keys()}
        assert len(suite.findall("testcase")) == int(suite.get("tests", ""))


def test_markdown(said: Any) -> None:
    first, _, _, _, *rows = said("markdown").splitlines()
    assert first.startswith("**cdk8s-inference check**: 1 error, 1 note in ")
    assert len(rows) == 2
    assert "| error T201 | bad one.yaml:" in rows[0]
    assert r"short \| \<answers\>" in rows[1]


def test_every_format_of_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    for format in FORMATS:
        assert run("check", file, "--format", format).exit_code == 0


@pytest.mark.parametrize(
    ("environment", "colored"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_color(
    environment: dict[str, str], colored: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in run("check", folder).stdout) is colored


def test_as_a_module_and_its_completion() -> None:
    command = [sys.executable, "-m", "cdk8s_inference"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"cdk8s-inference, version {cdk8s_inference.__version__}\n"
    environment = {**os.environ, "_CDK8S_INFERENCE_COMPLETE": "zsh_source"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout.startswith("#compdef cdk8s-inference")
