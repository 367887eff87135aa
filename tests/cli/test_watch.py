"""--watch: again whenever a file changes."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from cdk8s_inference.cli.watch import watched
from tests.cli.console import run


class Ended(Exception):
    """The end of a watch, which has none by itself."""


def test_again_when_a_file_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    read: list[str] = []
    pauses = 0

    def once() -> None:
        read.append(file.read_text())
        if read[-1] == "22":
            raise click.UsageError("it is wrong")
        raise SystemExit(1)

    def pause(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 2:
            file.write_text("22")
        elif pauses == 4:
            (tmp_path / "b.yaml").write_text("new")
        elif pauses > 5:
            raise Ended

    with pytest.raises(Ended):
        watched([str(tmp_path)], once, pause)
    assert read == ["1", "22", "22"]
    told = capsys.readouterr().err
    assert told.count("it is wrong") == 2
    assert told.endswith("watching 2 files\n")


@pytest.mark.parametrize("command", [["check", "-"], ["synth", "-", "--stdout"]])
def test_standard_input_is_not_watched(command: list[str]) -> None:
    result = run(*command, "--watch")
    assert result.exit_code == 2
    assert "--watch needs files or folders" in result.stderr
