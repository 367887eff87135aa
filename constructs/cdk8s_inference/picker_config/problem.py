"""A finding about a place in a picker configuration."""

from __future__ import annotations

from collections.abc import Iterable

from cdk8s_inference.findings import Finding, Path, Severity, field_path
from cdk8s_inference.releases import ROUTER_RELEASES, RouterRelease
from cdk8s_inference.source import Cursor

Placed = tuple[Finding, Path]


def problem(code: str, severity: Severity, at: Cursor, message: str, fix: str) -> Placed:
    """The finding and its place."""
    return Finding(code, severity, field_path(at.path), message, fix), at.path


def error(code: str, at: Cursor, message: str, fix: str) -> Placed:
    """A finding that keeps the picker from starting, and its place."""
    return problem(code, "error", at, message, fix)


def who_has(versions: Iterable[str], otherwise: str) -> str:
    """Words for the releases that have something."""
    found = ", ".join(versions)
    return f"router {found} {'have' if ', ' in found else 'has'} it" if found else otherwise


def versions_with_plugin(type: str, release: RouterRelease) -> list[str]:
    """The other releases that register a plugin type."""
    return [
        other.version
        for other in ROUTER_RELEASES
        if other.version != release.version and other.has_plugin(type)
    ]
