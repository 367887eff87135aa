"""What the fuzzer once found, and a short run of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.hold import FORMATS, checked, hold
from tests.fuzz.inputs import KINDS

FOUND = sorted((Path(__file__).parent / "found").glob("*"))
COUNTS = {"document": 60, "manifests": 30, "props": 300}


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.name)
def test_what_was_found(file: Path) -> None:
    for format in FORMATS:
        checked(file.read_bytes(), format)


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_run(kind: str) -> None:
    seen: set[str] = set()
    for number in range(COUNTS[kind]):
        try:
            seen |= hold(KINDS[kind](Random(f"{kind}-{number}")), number)
        except Exception as error:
            raise AssertionError(f"{kind} {number}: {error}") from error
    assert len(seen) > 1
