"""Every code's example: the broken one has its finding, alone, and the fixed one has none."""

from __future__ import annotations

import json
import re
import shlex
import warnings
from importlib import resources
from pathlib import Path

import pytest

import cdk8s_inference
from cdk8s_inference import InvalidInput, router_release
from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.checks.rule import RULES
from cdk8s_inference.findings import Example, Finding
from cdk8s_inference.findings.rule import AnyRule
from cdk8s_inference.picker_config.verdict import assess
from cdk8s_inference.releases import ROUTER_NEWEST
from tests.cli.console import run

SHOWN = {code: each for code, each in all_rules().items() if each.example and code not in RULES}

COMPANY = {
    # NGINX Gateway Fabric, the one known gateway that drops the header, does not fail close either.
    "G102": {"G103"},
    # What an expired waiver waived counts again; one that waived nothing is T002.
    "T003": {"T503"},
    # A source that tells the scorer of pods would take the metrics away in v0.8.0, which is P507.
    "P510": {"P508"},
}
"""Codes that a broken example cannot have without its own."""

OPEN = "S113"
"""What is said of every stack with the default listener, and so of the examples of other codes."""

Told = set[tuple[str, str]]
"""Codes and severities."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    for file in resources.files("cdk8s_inference.findings.examples").iterdir():
        if file.name.endswith((".json", ".yaml")):
            (folder / file.name).write_text(file.read_text())
    return folder


@pytest.fixture(autouse=True)
def beside_the_examples(examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(examples)


def told(example: Example, text: str) -> Told:
    """What a text's reader says of it."""
    if example.kind == "picker config":
        release = router_release(example.release) if example.release else ROUTER_NEWEST
        return _told(assess(text, release, disaggregated=True).findings)
    if example.kind == "python":
        return _told_by_python(text)
    if example.kind == "command":
        program, *arguments = shlex.split(text)
        assert program == "cdk8s-inference"
        return _told_as_json(run(*arguments, "--format", "json").stderr)
    return _told_as_json(run("check", "-", "--format", "json", input=text).stdout)


def _told(findings: tuple[Finding, ...]) -> Told:
    return {(each.code, each.severity) for each in findings}


def _told_by_python(text: str) -> Told:
    names = {name: getattr(cdk8s_inference, name) for name in cdk8s_inference.__all__}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            exec(text, names)
        except InvalidInput as error:
            return _told(error.findings)
    said = "\n".join(str(each.message) for each in warned)
    return {(code, severity) for severity, code in re.findall(r"(\w+)\[(\w\d{3})\] ", said)}


def _told_as_json(text: str) -> Told:
    return {(each["code"], each["severity"]) for each in json.loads(text)}


def _without_notes(found: Told) -> set[str]:
    return {code for code, severity in found if severity != "note"}


@pytest.mark.parametrize("code", SHOWN.values(), ids=SHOWN)
def test_the_broken_one(code: AnyRule) -> None:
    assert code.example is not None
    found = told(code.example, code.example.broken)
    severities = {severity for each, severity in found if each == code.code}
    assert severities == {code.severity} if code.severity else severities
    assert _without_notes(found) - {code.code, OPEN} == COMPANY.get(code.code, set())


@pytest.mark.parametrize("code", SHOWN.values(), ids=SHOWN)
def test_the_mended_one(code: AnyRule) -> None:
    assert code.example is not None
    found = told(code.example, code.example.fixed)
    assert code.code not in {each for each, _ in found}
    assert _without_notes(found) <= {OPEN}
    assert code.example.difference()


def test_the_words() -> None:
    for code, rule in all_rules().items():
        assert rule.title[0].isupper() or rule.title.startswith("--"), code
        assert not rule.title.endswith("."), code
        assert rule.why.endswith("."), code
        assert rule.known or not rule.code.startswith("T3"), code
        assert rule.grounds.endswith("."), code
        assert rule.fix[0].islower() or rule.fix.startswith("--"), code
        assert not rule.fix.endswith("."), code


@pytest.mark.parametrize("code", [code for code in SHOWN if code.startswith("P")])
def test_a_mended_picker_disaggregates(code: str) -> None:
    example = SHOWN[code].example
    assert example is not None
    release = router_release(example.release) if example.release else ROUTER_NEWEST
    assert assess(example.fixed, release).outcome == "disaggregates"
