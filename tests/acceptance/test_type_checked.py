"""The apps of examples/apps as users' type checkers see them; `make test` has mypy --strict."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.sources import ROOT

PYRIGHT = "pyright@1.1.414"
APPS = ROOT / "examples" / "apps"

pytestmark = pytest.mark.skipif(shutil.which("npx") is None, reason="npx is not on PATH")


def checked(folder: Path, *programs: Path) -> Any:
    """What pyright says of programs, in its strict mode."""
    config = folder / "pyrightconfig.json"
    settings = {
        "include": [os.path.relpath(each, folder) for each in programs],
        # It does not read the hook by which an editable install is found.
        "extraPaths": [str(ROOT / "constructs")],
        "venvPath": str(ROOT),
        "venv": ".venv",
        "typeCheckingMode": "strict",
    }
    config.write_text(json.dumps(settings))
    command = ["npx", "--yes", PYRIGHT, "--outputjson", "--project", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout)


def test_the_apps_are_clean_in_pyrights_strict_mode(tmp_path: Path) -> None:
    told = checked(tmp_path, APPS, ROOT / "main.py")
    assert told["generalDiagnostics"] == []
    assert told["summary"]["filesAnalyzed"] == len([*APPS.glob("*.py")]) + 1


def test_an_argument_of_another_type_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text((APPS / "cpu.py").read_text().replace('name="smollm"', "name=5"))
    (diagnostic,) = checked(tmp_path, wrong)["generalDiagnostics"]
    assert diagnostic["rule"] == "reportArgumentType"
