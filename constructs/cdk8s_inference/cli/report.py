"""Findings as text for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, TextIO, get_args

from cdk8s_inference.findings import Finding

Format = Literal["text", "json"]
FORMATS: tuple[str, ...] = get_args(Format)


def report(findings: Sequence[Finding], format: Format, stream: TextIO) -> None:
    """Writes findings; as JSON a list, also where there is none, as text nothing then."""
    if format == "json":
        json.dump([finding.as_dict() for finding in findings], stream, indent=2)
        stream.write("\n")
        return
    for finding in findings:
        stream.write(f"{_printable(str(finding))}\n")


def _printable(text: str) -> str:
    """Text that a terminal shows as it is: input may hold control characters."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )
