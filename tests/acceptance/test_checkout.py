"""What a newcomer does with a fresh clone, on machines with more and with less."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CDK8S_CLI = "cdk8s-cli@2.207.60"

with_npm = pytest.mark.skipif(shutil.which("npx") is None, reason="npx is not on PATH")


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def manifests(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone") / "checkout"
    run("git", "clone", "--quiet", ROOT, folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def bare_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with Python, make and what every Unix has, and no Node.js."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "python3").symlink_to(sys.executable)
    for tool in ("make", "sh", "rm", "mv", "touch"):
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return str(folder)


def test_synth_needs_python_and_make_alone(clone: Path, bare_path: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "JSII_NODE"}
    run("make", "synth", "PYTHON=python3", cwd=clone, env={**env, "PATH": bare_path})
    assert run("git", "status", "--porcelain", cwd=clone) == ""


@with_npm
def test_the_cdk8s_cli_writes_the_same_manifests(clone: Path) -> None:
    shutil.rmtree(clone / "dist")
    output = run("npx", "--yes", CDK8S_CLI, "synth", "--check-upgrade=false", cwd=clone)
    assert "end-of-life" not in output.lower()
    assert manifests(clone / "dist") == manifests(ROOT / "dist")
