"""main.py, the app that people copy, against the output that is committed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.kit.synth import validated

ROOT = Path(__file__).parents[1]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_writes_what_is_committed_whatever_the_hash_seed(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("file", sorted((ROOT / "dist").iterdir()), ids=lambda file: file.stem)
def test_what_is_committed_is_valid(file: Path) -> None:
    objects = list(yaml.load_all(file.read_text(), yaml.CSafeLoader))
    assert len(validated(objects)) >= 3
