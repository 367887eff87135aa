"""The script that finds releases which are newer than those that are known."""

from __future__ import annotations

import os
import runpy
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "newer-releases"))


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[str]:
    assert SCRIPT["main"]([str(each) for each in arguments]) == 0
    return capsys.readouterr().out.splitlines()


def checkout(folder: Path, tags: Iterable[str]) -> Path:
    """A repository without a commit, whose tags name its only object."""

    def git(*arguments: str, given: str = "") -> str:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, input=given)
        return done.stdout.strip()

    git("init", "--quiet")
    blob = git("hash-object", "-w", "--stdin")
    refs = "".join(f"create refs/tags/{tag} {blob}\n" for tag in tags)
    git("update-ref", "--stdin", given=refs)
    return folder


def test_tags_of_a_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ["v0.8.0", "v0.10.1", "v0.10.0", "v0.11.0-rc.1", "v0.12.0", "main-2026", "chart-9.9.9"]
    source = checkout(tmp_path, found)
    assert told(capsys, "leader_worker_set", source) == ["v0.10.1", "v0.12.0"]


def test_a_patch_of_an_older_minor_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ["v1.7.9", "v1.8.2", "v1.8.3", "v1.8.4", "v1.9.0"]
    assert told(capsys, "envoy_gateway", checkout(tmp_path, found)) == ["v1.8.4"]


def test_larger_numbers_of_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The DRA driver had v25.8.1 before v0.4.1."""
    source = checkout(tmp_path, [])
    made = (("v25.8.1", "1700000000"), ("v0.4.1", "1780000000"), ("v0.4.2", "1790000000"))
    for tag, date in made:
        command = ["git", "-C", str(source), "tag", "--annotate", "--message=x", tag, EMPTY_BLOB]
        person = {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
        dated = {**os.environ, **person, "GIT_COMMITTER_DATE": f"{date} +0000"}
        subprocess.run(command, check=True, env=dated)
    assert told(capsys, "nvidia_dra_driver", source) == ["v0.4.2"]


def test_tags_of_a_repository_of_charts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ["kube-prometheus-stack-99.0.0", "kube-prometheus-stack-1.0.0", "loki-100.0.0"]
    assert told(capsys, "prometheus", checkout(tmp_path, found)) == ["99.0.0"]


def test_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "index.yaml"
    file.write_text(
        "entries:\n"
        "  cert-manager: [{version: v1.99.0}, {version: v1.99.1-beta.0}, {version: v1.0.0}]\n"
        "  other: [{version: v9.0.0}]\n"
    )
    assert told(capsys, "cert_manager", file) == ["v1.99.0"]


@pytest.mark.parametrize(
    ("part", "release", "says"),
    [
        ("gateway_api", "v1.6.2", "envoy_gateway v1.8.3 requires gateway_api 1.5.1 to 1.5"),
        ("envoy_gateway", "v1.9.1", "ai_gateway v1.1.0 requires envoy_gateway 1.8.1 to 1.8"),
    ],
)
def test_what_the_matrix_says(
    part: str, release: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = told(capsys, part, checkout(tmp_path, [release]))
    assert line.startswith(f"{release}  ")
    assert says in line


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[Any]) -> None:
    with pytest.raises(SystemExit):
        SCRIPT["main"](["envoy", "."])
    assert "choose from" in capsys.readouterr().err
