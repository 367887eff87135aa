"""What a check takes grows with the number of deployments, and not with its square."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from cdk8s_inference.checks import check
from cdk8s_inference.source import read

DIST = Path(__file__).parents[2] / "dist"
NAME = "llama-70b"


def calls(deployments: int) -> Counter[str]:
    """The calls of Python functions in a check, by file and name: a count without noise."""
    [file] = DIST.glob(f"*{NAME}*")
    text = "---\n".join(
        file.read_text().replace(NAME, f"it-{index:03}") for index in range(deployments)
    )
    documents, problems = read(text.encode(), "all.yaml")
    assert not problems
    found: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found[f"{frame.f_code.co_filename}:{frame.f_code.co_name}"] += 1

    sys.setprofile(count)
    try:
        check(documents)
    finally:
        sys.setprofile(None)
    return found


def test_calls_grow_with_the_deployments() -> None:
    calls(1)  # Fills what is kept for the next ones.
    few, many = calls(5), calls(20)
    grown = {name: (few[name], many[name]) for name in many if many[name] > 4.2 * few[name] + 100}
    assert grown == {}
