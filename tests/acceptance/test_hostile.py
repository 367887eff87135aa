"""Two hundred contents, valid, damaged and hostile, as large as the reader allows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.document.hostile import HOSTILE, VALID, contents

MEMORY = 512 * 1024
"""KiB beyond what the interpreter holds. The most is needed where 190,000 values are wrong, of
which pydantic says everything."""


def test_two_hundred_contents() -> None:
    # In one process of their own, whose memory says nothing of the other tests.
    run = subprocess.run(
        [sys.executable, "-m", "tests.document.hostile"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    names = list(contents())
    # The first without an answer is where an exception was raised.
    assert run.returncode == 0, (names[len(answers)], run.stderr)
    assert [each["name"] for each in answers] == names
    assert len(names) >= 200
    start = answers[0]["before"]
    for each in answers:
        name, composed, refused = each["name"], each["deployments"], each["refused"]
        assert refused or (composed and composed == each["documents"]), name
        assert each["longest"] < 1000, name
        assert each["after"] - start < MEMORY, name
        if name.startswith(tuple(f"{valid}." for valid in VALID)):
            assert (composed, refused) == (1, False), name
        elif name in HOSTILE:
            assert refused != (name == "valid-documents"), name
    damaged = [each["refused"] for each in answers if each["name"].startswith(("damaged", "odd"))]
    assert any(damaged)
    assert not all(damaged)
