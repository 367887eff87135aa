"""What fails around the program ends in one line and an exit status, never in a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import PROGRAM, named, program, run, save
from tests.document.builders import edited, unified

FULL = Path("/dev/full")


def one_line(result: subprocess.CompletedProcess[bytes]) -> str:
    """What it says on standard error: one line."""
    [line] = result.stderr.decode().splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return save(tmp_path / "good.yaml", named("a"))


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return save(tmp_path / "bad.yaml", edited(unified(), "spec.replicas", 0))


ANSWERS = pytest.mark.parametrize(
    "arguments",
    [
        *(["check", "bad.yaml", "--format", form] for form in ("text", "json", "github")),
        ["explain", "D004"],
        ["--help"],
    ],
    ids=" ".join,
)


@pytest.mark.skipif(not FULL.exists(), reason="needs a full device")
@ANSWERS
def test_standard_output_is_full(
    arguments: list[str], good: Path, bad: Path, tmp_path: Path
) -> None:
    with FULL.open("wb") as full:
        streams: dict[str, Any] = {
            "stdout": full,
            "stderr": subprocess.PIPE,
            "capture_output": False,
        }
        result = program(*arguments, cwd=tmp_path, **streams)
    assert result.returncode == 2
    assert one_line(result).endswith("No space left on device")


@ANSWERS
def test_the_reader_is_gone(arguments: list[str], good: Path, bad: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    streams: dict[str, Any] = {"stdout": writer, "stderr": subprocess.PIPE, "capture_output": False}
    result = program(*arguments, cwd=tmp_path, **streams)
    os.close(writer)
    assert result.returncode == (1 if arguments == ["--help"] else 141)
    assert result.stderr == b""


@pytest.mark.parametrize("arguments", [["check", "good.yaml"], ["explain", "D004"]])
def test_standard_output_is_closed(arguments: list[str], good: Path, tmp_path: Path) -> None:
    shell: list[str | Path] = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", PROGRAM, *arguments]
    result = subprocess.run(shell, cwd=tmp_path, stderr=subprocess.PIPE, check=False)
    assert result.returncode == 2
    assert one_line(result) == "Error: Cannot write to standard output: it is closed"


@pytest.mark.skipif(not FULL.exists(), reason="needs a full device")
def test_nobody_can_be_told(bad: Path) -> None:
    with FULL.open("wb") as full:
        streams: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": full,
            "capture_output": False,
        }
        result = program("synth", bad, "--stdout", **streams)
    assert (result.returncode, result.stdout) == (2, b"")


def test_a_locale_that_lacks_characters(tmp_path: Path) -> None:
    file = save(tmp_path / "é.yaml", edited(unified(), "metadata.name", "é☃"))
    result = program("check", file, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert result.returncode == 1
    assert b"\\u2603" in result.stdout
    assert result.stderr == b""


@pytest.mark.parametrize("format", ["text", "sarif"])
def test_a_name_that_is_not_utf_8(format: str, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for name in (b"\xff\x1b.yaml", b"b.yaml"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"apiVersion: modelplane.ai/v1alpha1\nkind: ModelDeployment\nspec: 1\n")
    result = subprocess.run(
        [PROGRAM, "check", folder, os.path.join(folder, b"\xfe.yaml"), "--format", format],
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (1, b"")
    assert b"\xff" not in result.stdout
    assert b"\x1b" not in result.stdout
    if format == "sarif":
        json.loads(result.stdout)
    result = subprocess.run(
        [
            PROGRAM,
            "synth",
            os.path.join(folder, b"\xff\x1b.yaml"),
            "-o",
            os.path.join(folder, b"\xfe"),
        ],
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1
    assert b"\x1b" not in result.stderr


def test_arguments_with_control_characters() -> None:
    for arguments in (["check", "--\x1b[31m"], ["\x1b[31m"], ["explain", "\x1b", "\x1b[2J"]):
        result = program(*arguments)
        assert result.returncode == 2
        assert b"\x1b" not in result.stderr


def test_a_folder_that_cannot_be_listed(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir: Any = os.scandir

    def refuse(path: str) -> Any:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for path in (tmp_path, closed):
        result = run("check", path)
        assert result.exit_code == 1
        assert f"{closed}: error[D001] the folder cannot be listed: Permission denied" in (
            result.stdout
        )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_in_a_folder_is_not_waited_for(good: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.yaml")
    assert program("check", tmp_path).returncode == 0


def test_a_link_that_leads_nowhere_is_told(good: Path, tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    assert "gone.yaml: error[D001]" in run("check", tmp_path).stdout


@pytest.mark.parametrize("command", ["check", "synth"])
def test_interrupts(command: str, good: Path, tmp_path: Path) -> None:
    """From when its own code runs; what the interpreter says before is not ours."""
    output = tmp_path / "out"
    arguments: list[str | Path]
    arguments = ["check", tmp_path] if command == "check" else ["synth", good, "-o", output]
    for moment in range(3):
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        time.sleep(0.4 + 0.5 * moment)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode in (0, 130, -signal.SIGINT), errors
        assert b"Traceback" not in errors
        assert len(errors.splitlines()) <= 1
        if output.exists():
            assert [each.name for each in output.iterdir()] == ["ml-team.a.k8s.yaml"]
