from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from cdk8s_inference.cli.report import counts, report
from cdk8s_inference.findings import Finding

ERROR = Finding("D101", "error", "spec.a", "is wrong", "right it", "a.yaml", 7)
WARNING = Finding("D201", "warning", "", "is odd", "look")
NOTE = Finding("D203", "note", "spec", "is so", "nothing", "<stdin>")


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    report([ERROR, WARNING, NOTE], "text", "nothing written")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "a.yaml:7: error[D101] spec.a: is wrong",
        "    fix: right it",
        "warning[D201] is odd",
        "    fix: look",
        "<stdin>: note[D203] spec: is so",
        "    fix: nothing",
        "1 error, 1 warning, 1 note: nothing written",
    ]


@pytest.mark.parametrize(
    ("findings", "outcome", "closing"),
    [
        ([], None, []),
        ([], "2 deployments written to out", ["2 deployments written to out"]),
        ([WARNING], None, ["1 warning"]),
    ],
)
def test_the_last_line(
    findings: list[Finding],
    outcome: str | None,
    closing: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(findings, "text", outcome)
    assert capsys.readouterr().err.splitlines()[2 * len(findings) :] == closing


def test_json_is_a_list_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    report([ERROR, WARNING], "json", "nothing written")
    first, second = json.loads(capsys.readouterr().err)
    assert first == {
        "code": "D101",
        "severity": "error",
        "path": "spec.a",
        "file": "a.yaml",
        "line": 7,
        "message": "is wrong",
        "fix": "right it",
    }
    assert (second["file"], second["line"]) == (None, None)
    report([], "json", "written")
    assert json.loads(capsys.readouterr().err) == []


def test_counts() -> None:
    assert counts([]) == ""
    assert counts([NOTE, ERROR, ERROR]) == "2 errors, 1 note"


@pytest.mark.parametrize("file", ["a\x1b[31m.yaml", "\udcff", "a\nb"])
def test_a_terminal_is_safe_from_names(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    report([ERROR.at(file, 1)], "text", f"written to {file}")
    first, fix, last = capsys.readouterr().err.splitlines()
    assert all(line.isprintable() for line in (first, fix, last))
    assert first.endswith(":1: error[D101] spec.a: is wrong")
    report([ERROR.at(file, 1)], "json", None)
    [found] = json.loads(capsys.readouterr().err)
    assert found["file"] == file


@pytest.mark.parametrize(("no_color", "colored"), [(None, True), ("", True), ("1", False)])
def test_color(no_color: str | None, colored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)

    @click.command()
    def command() -> None:
        report([ERROR, WARNING, NOTE], "text", None)

    printed = CliRunner().invoke(command, color=True).stderr
    plain = "".join(f"{finding}\n" for finding in (ERROR, WARNING, NOTE))
    assert click.unstyle(printed) == f"{plain}1 error, 1 warning, 1 note\n"
    assert (printed != click.unstyle(printed)) is colored
    assert ("\x1b[31m" in printed) is colored
