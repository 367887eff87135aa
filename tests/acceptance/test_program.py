"""The installed program, where a process of its own matters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.console import named, program, recorder, runs, save
from tests.document.builders import edited, unified

ROOT = Path(__file__).parents[2]


def test_it_writes(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", named("a"))
    to_folder = program("synth", file, "--output", tmp_path / "out")
    assert (to_folder.returncode, to_folder.stdout) == (0, b"")
    assert to_folder.stderr.decode() == f"1 deployment written to {tmp_path / 'out'}\n"
    to_stdout = program("synth", "-", "--stdout", input=file.read_bytes())
    assert (to_stdout.returncode, to_stdout.stderr) == (0, b"")
    assert to_stdout.stdout == (tmp_path / "out" / "ml-team.a.k8s.yaml").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["synth", "bad.yaml", "--stdout"], 1),
        (["synth", "good.yaml"], 2),
        (["synth", "good.yaml", "--stdout"], 0),
    ],
)
def test_node_does_not_start(arguments: list[str], status: int, tmp_path: Path) -> None:
    save(tmp_path / "good.yaml", named("a"))
    save(tmp_path / "bad.yaml", edited(unified(), "spec.replicas", 0))
    chosen, on_path = recorder(tmp_path / "chosen"), recorder(tmp_path / "path", "v24.0.0")
    for env in (
        {"JSII_NODE": str(chosen)},
        {"JSII_NODE": "", "PATH": f"{on_path.parent}{os.pathsep}{os.environ['PATH']}"},
    ):
        assert program(*arguments, env=env, cwd=tmp_path).returncode == status
    assert runs(chosen) == runs(on_path) == []


def test_the_recorders_of_node_record(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    node = recorder(tmp_path / "path", "v20.0.0")
    env = {"JSII_NODE": "", "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    code = "from cdk8s_inference import App; App()"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **env}, check=True)
    assert runs(node) == ["--version"]


UNBUFFERED = pytest.mark.parametrize("unbuffered", ["", "1"])


@UNBUFFERED
def test_a_reader_that_is_gone(unbuffered: str, tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", named("a"))
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = into(writer, file, unbuffered)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
@UNBUFFERED
def test_a_full_disk_behind_standard_output(unbuffered: str, tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        result = into(full.fileno(), save(tmp_path / "a.yaml", named("a")), unbuffered)
    assert result.returncode == 2
    assert result.stderr == b"Error: Cannot write to standard output: No space left on device\n"


def into(stdout: int, file: Path, unbuffered: str) -> subprocess.CompletedProcess[bytes]:
    env = {"PYTHONUNBUFFERED": unbuffered}
    streams = {"stdout": stdout, "stderr": subprocess.PIPE, "capture_output": False}
    return program("synth", file, "--stdout", env=env, **streams)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
def test_color_on_a_terminal(no_color: str, colored: bool, tmp_path: Path) -> None:
    terminal, stderr = os.openpty()
    try:
        program(
            "synth",
            tmp_path / "absent",
            "--stdout",
            env={"NO_COLOR": no_color},
            capture_output=False,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        printed = os.read(terminal, 10_000)
    finally:
        os.close(terminal)
        os.close(stderr)
    assert b"error[D001]" in printed
    assert (b"\x1b[31m" in printed) is colored


def test_a_locale_without_unicode(tmp_path: Path) -> None:
    note = "spec.template.spec.engines[0].members[0].template.metadata.annotations.note"
    file = save(tmp_path / "é.yaml", edited(unified(), note, "é☃"))
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = program("synth", file, "--stdout", env=env)
    assert result.returncode == 0
    assert "é☃" in result.stdout.decode()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_app_writes_what_is_committed_whatever_the_hash_seed(tmp_path: Path) -> None:
    """With a seed of its own: what is committed was written with another one."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "main.py")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = files(tmp_path / "dist")
    assert len(written) == 6
    assert written == files(ROOT / "dist"), "dist/ is stale: run main.py"
