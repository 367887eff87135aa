"""Why a text cannot be read."""

from __future__ import annotations

from cdk8s_inference.findings import Finding


class Unreadable(Exception):
    """The text cannot be read; ``finding`` says why."""

    def __init__(self, code: str, message: str, fix: str, line: int | None = None) -> None:
        super().__init__(message)
        self.finding = Finding(code, "error", "", message, fix)
        self.line = line


def malformed(reason: str, line: int | None, fix: str = "correct the syntax") -> Unreadable:
    """The text is not YAML."""
    return Unreadable("D001", f"not YAML: {reason}", fix, line)
