"""What the real picker and sidecar were seen to do, as data."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from tests.kit.shared import SHARED


@cache
def _read(file: str) -> dict[str, Any] | None:
    path = SHARED / "facts" / "observed" / file if SHARED else None
    if path is None or not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def observed(file: str) -> dict[str, Any]:
    """A file of observations; skips the test where it is absent."""
    found = _read(file)
    if found is None:
        pytest.skip(f"needs the observations of {file}")
    return found


def refused_flags(program: str, release: str, arguments: list[str]) -> set[str]:
    """The flags among arguments that a release of a program does not list, or is dropping."""
    known = observed("flags.json")[program][release]
    return {argument.removeprefix("--").partition("=")[0] for argument in arguments} - set(known)
