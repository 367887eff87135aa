"""A project's configuration, and the options that say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.console import run
from tests.kit import examples


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an error, T201, and a warning, T503."""
    for code in ("T201", "T503"):
        folder = tmp_path / "k8s" / code
        folder.mkdir(parents=True)
        text = yaml.safe_dump_all(examples.broken(code), sort_keys=False)
        (folder / "all.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(*arguments: str) -> set[tuple[str, str]]:
    found = json.loads(run("check", "--format", "json", *arguments).stdout)
    return {(each["code"], each["severity"]) for each in found} - {("T000", "note")}


BAD, ODD = "k8s/T201", "k8s/T503"


@pytest.mark.parametrize("file", [".cdk8s-inference.yaml", "pyproject.toml"])
def test_both_files(file: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        '[tool.cdk8s-inference]\nignore = ["T2"]\n' if file.endswith("toml") else "ignore: [T2]\n"
    )
    (project / file).write_text(text)
    assert told(BAD) == set()
    assert told(BAD, "--ignore", "T5") == {("T201", "error")}
    assert told(BAD, "--config", "") == {("T201", "error")}
    monkeypatch.chdir(project / "k8s")
    assert told("T201") == set()


def test_everything_that_it_may_say(project: Path) -> None:
    (project / "cfg.yaml").write_text("""\
select: [T]
per-file-ignores: {"k8s/T201/*": [T201]}
severities: {T503: error}
exclude: [nothing]
kubernetes: 1.34
schemas: []
strict: true
complete: false
exit-zero: false
severity: note
format: json
waivers:
  - {code: T610, reason: no model needs it, until: 2099-01-01, files: [k8s]}
""")
    assert told("k8s", "--config", "cfg.yaml") >= {("T503", "error"), ("T002", "warning")}
    result = run("check", ODD, "--config", "cfg.yaml")
    assert result.exit_code == 1
    assert result.stdout.startswith("[")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("selct: [T]", "unknown key 'selct': did you mean select?"),
        ("select: 3", "select must be a list of texts, not 3"),
        ("ignore: [T999]", "there is no code T999"),
        ("severities: {T503: loud}", "severities.T503 must be one of error, warning, note"),
        ("waivers: [{code: T503}]", "waivers[0] must be a mapping with code and reason"),
        ("waivers: [{code: T5, reason: a}]", "there is no code T5"),
        ("waivers: [{code: T503, reason: a, until: soon}]", "waivers[0]: time data"),
        ("waivers: [{code: T503, reason: a, unti: x}]", "has an unknown key 'unti'"),
        ("kubernetes: '1.20'", "no release whose API is known"),
        ("strict: maybe", "strict must be true or false"),
        ("[", "is no YAML"),
        ("- a", "must be a mapping"),
    ],
)
def test_what_is_wrong_with_it(text: str, message: str, project: Path) -> None:
    (project / ".cdk8s-inference.yaml").write_text(text)
    result = run("check", BAD)
    assert result.exit_code == 2
    assert message in result.stderr


def test_selection() -> None:
    assert told("k8s/T201", "--select", "K,T5") == set()
    assert told("k8s/T201", "--select", "T2", "--ignore", "T201") == set()
    assert "did you mean" in run("check", "k8s", "--select", "T50B").stderr


def test_exit_statuses() -> None:
    assert run("check", BAD).exit_code == 1
    assert run("check", BAD, "--exit-zero").exit_code == 0
    assert run("check", ODD).exit_code == 0
    assert run("check", ODD, "--strict").exit_code == 1


def test_severity_and_quiet() -> None:
    loud = run("check", ODD, "--severity", "error").stdout
    assert "T503" not in loud
    assert "1 warning in" in loud
    quiet = run("check", ODD, "--quiet").stdout
    assert "T503" in quiet
    assert "1 warning in" not in quiet
    assert run("check", ODD, "--severity", "error", "--quiet").stdout == ""


def test_exclude(project: Path) -> None:
    assert told("k8s", "--exclude", "T201") == told(ODD)
    assert told("k8s", "--exclude", "k8s/T2*") == told(ODD)


def test_statistics() -> None:
    assert run("check", BAD, "--statistics").stdout.startswith("    1  T201  ")


def test_baseline(project: Path) -> None:
    arguments = ("check", BAD, "--baseline", "known.json")
    assert run(*arguments).exit_code == 2
    written = run(*arguments, "--update-baseline")
    assert written.exit_code == 0
    assert "1 finding written to known.json" in written.stderr
    assert "nothing to report in" in run(*arguments).stdout
    # Lines may move; another object is another finding.
    file = project / BAD / "all.yaml"
    file.write_text(f"# one line more\n{file.read_text()}")
    assert run(*arguments).exit_code == 0
    file.write_text(file.read_text().replace("name: decode\n", "name: decode-2\n"))
    assert run(*arguments).exit_code == 1


def test_a_file_that_is_no_baseline(project: Path) -> None:
    (project / "known.json").write_text("[1]")
    result = run("check", BAD, "--baseline", "known.json")
    assert (result.exit_code, "is no baseline" in result.stderr) == (2, True)
    assert run("check", BAD, "--update-baseline").exit_code == 2


def test_rules() -> None:
    text = run("rules", "T41").stdout
    assert {line[:3] for line in text.splitlines()} == {"T41"}
    entries = json.loads(run("rules", "T5,K0", "--severity", "error", "--format", "json").stdout)
    assert {each["severity"] for each in entries} == {"error"}
    assert {each["code"][0] for each in entries} == {"K", "T"}
    assert entries[0].keys() == {"code", "severity", "title", "why", "evidence", "fix"}
