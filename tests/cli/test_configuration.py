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
        ("selct: [T]", "1: unknown key 'selct': did you mean select?"),
        ("strict: true\nselect: 3", "2: select must be a list of texts, not 3"),
        ("select:\n  - T\n  - 3", "3: select[1] must be a text, not 3"),
        ("strict: true\nignore: [T999]", "2: ignore: there is no code T999"),
        ("severities:\n  T503: loud", "2: severities.T503 must be one of error, warning, note"),
        ("severities:\n  X: error", "2: severities.X: there is no code X"),
        ("per-file-ignores:\n  a: T\n  b/*: X", "3: per-file-ignores.b/*: there is no code X"),
        ("waivers: [{code: T503}]", "1: waivers[0] must be a mapping with code and reason"),
        ("waivers:\n- {code: T5, reason: a}", "2: waivers[0].code: there is no code T5"),
        (
            "waivers:\n- code: T503\n  reason: a\n  until: soon",
            "4: waivers[0]: until must be a date such as 2027-03-31, not 'soon'",
        ),
        ("waivers:\n- {code: T503, reason: a, unti: x}", "2: waivers[0]: unknown key 'unti'"),
        ("waivers:\n- code: T503\n  reason: ' '", "3: waivers[0]: waiver of T503 has no reason"),
        ("\nkubernetes: '1.20'", "2: kubernetes: '1.20' is no release whose API is known"),
        ("strict: maybe", "1: strict must be true or false"),
        ("severity: loud", "1: severity must be one of error, warning, note, not 'loud'"),
        ("format: xml", "1: format must be one of text, json"),
        ("schemas: nowhere", "1: schemas: 'nowhere' does not exist"),
        ("select: [T]\nselect: [K]", "2: select: duplicate key, first on line 1"),
        ("[", ".cdk8s-inference.yaml:2: invalid YAML"),
        ("- a", "must be a mapping"),
        ("strict: true\n---\nstrict: false", "has 2 documents, and one is expected"),
    ],
)
def test_what_is_wrong_with_it(text: str, message: str, project: Path) -> None:
    (project / ".cdk8s-inference.yaml").write_text(text)
    result = run("check", BAD)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.cdk8s-inference]\nselct = 'T'", "toml:2: unknown key 'selct'"),
        ("[tool]\ncdk8s-inference = 3", "toml:2: the configuration must be a mapping, not 3"),
        (
            "[tool.cdk8s-inference.severities]\nK001 = 'note'\nT503 = 'loud'",
            "toml:3: severities.T503 must be one of",
        ),
        (
            "[[tool.cdk8s-inference.waivers]]\ncode = 'T503'\nreason = 'a'\n"
            "[[tool.cdk8s-inference.waivers]]\ncode = 'T503'\nreason = 'a'\nuntil = '2030'",
            "toml:7: waivers[1]: until must be a date",
        ),
        ("[tool.cdk8s-inference]\nselect = [", "is no TOML"),
    ],
)
def test_what_is_wrong_with_a_table(text: str, message: str, project: Path) -> None:
    (project / "pyproject.toml").write_text(text)
    result = run("check", BAD)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_project_that_only_mentions_the_name(project: Path) -> None:
    (project / ".cdk8s-inference.yaml").write_text("ignore: [T2]")
    (project / "k8s" / "pyproject.toml").write_text("[tool.x]\ny = 'tool.cdk8s-inference'\n")
    (project / "k8s" / "T201").joinpath("pyproject.toml").write_text("tool = 3 # cdk8s-inference")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project / BAD)
        assert told("all.yaml") == set()


def test_codes_may_be_in_lower_case(project: Path) -> None:
    (project / ".cdk8s-inference.yaml").write_text("severities: {t201: note}")
    assert told(BAD) == {("T201", "note")}


def test_a_format_that_another_command_has(project: Path) -> None:
    (project / ".cdk8s-inference.yaml").write_text("format: sarif")
    assert run("synth", "--stdout", "nothing.yaml").exit_code == 1


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
    [entry] = json.loads(run("check", BAD, "--statistics", "--format", "json").stdout)
    assert (entry["code"], entry["count"]) == ("T201", 1)
    assert run("check", BAD, "--statistics", "--format", "junit").exit_code == 2


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
