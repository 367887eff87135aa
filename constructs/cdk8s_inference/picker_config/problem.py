"""A finding about a place in a picker configuration."""

from __future__ import annotations

from collections.abc import Callable

from cdk8s_inference.findings import Finding, Path, Severity, field_path
from cdk8s_inference.releases import PickerRelease
from cdk8s_inference.source import Cursor

Placed = tuple[Finding, Path]


def problem(code: str, severity: Severity, at: Cursor, message: str, fix: str) -> Placed:
    """The finding and its place."""
    return Finding(code, severity, field_path(at.path), message, fix), at.path


def error(code: str, at: Cursor, message: str, fix: str) -> Placed:
    """A finding that keeps the picker from starting, and its place."""
    return problem(code, "error", at, message, fix)


def who_has(release: PickerRelease, has: Callable[[PickerRelease], bool], otherwise: str) -> str:
    """Words for the other releases that have something."""
    return release.who_has(has) or otherwise
