"""What a newcomer does with a fresh clone, on machines with more and with less."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.kit.shared import SHARED

ROOT = Path(__file__).parents[2]
NPM_PACKAGES = runpy.run_path(str(ROOT / "scripts" / "import-crds"))["NPM_PACKAGES"]

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
    cli = next(package for package in NPM_PACKAGES if package.startswith("cdk8s-cli@"))
    output = run("npx", "--yes", cli, "synth", "--check-upgrade=false", cwd=clone)
    assert "end-of-life" not in output.lower()
    assert manifests(clone / "dist") == manifests(ROOT / "dist")


@with_npm
@pytest.mark.skipif(SHARED is None, reason="the CRDs are absent")
def test_the_imports_are_what_the_script_generates(clone: Path) -> None:
    assert SHARED is not None
    run(sys.executable, "scripts/import-crds", SHARED / "crds", cwd=clone)
    # zlib's implementations compress differently; test_imports compares the archives unpacked.
    changed = run("git", "status", "--porcelain", "--", ".", ":!*.jsii.tgz", cwd=clone)
    assert changed == ""
