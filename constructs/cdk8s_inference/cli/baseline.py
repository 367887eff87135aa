"""Findings that are let be: those that were there when a project began to check."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import click

from cdk8s_inference.cli.failure import Failure
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.identity import identity

_KEYS = ("code", "file", "object", "path")

Key = tuple[str, ...]


def without_known(findings: Iterable[Finding], path: str) -> Iterator[Finding]:
    """The findings that a baseline does not have.

    Raises:
        click.UsageError: The file is no baseline.
        Failure: The file cannot be read.
    """
    known = _read(path)
    for each in findings:
        key = _key(each, path)
        if known[key] > 0:
            known[key] -= 1
        else:
            yield each


def write(findings: Iterable[Finding], path: str) -> int:
    """Writes a baseline of the errors and warnings, and says how many there are.

    Raises:
        Failure: The file cannot be written.
    """
    found = sorted(_key(each, path) for each in findings if each.severity != "note")
    entries = [dict(zip(_KEYS, key, strict=True)) for key in found]
    text = json.dumps({"version": 1, "findings": entries}, indent=2, ensure_ascii=False)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise Failure(f"Cannot write to {path!r}", error) from None
    return len(entries)


def _read(path: str) -> Counter[Key]:
    try:
        with open(path, encoding="utf-8") as file:
            found: Any = json.load(file)
        entries = found["findings"]
        return Counter(tuple(str(each[key]) for key in _KEYS) for each in entries)
    except OSError as error:
        raise Failure(f"Cannot read {path!r}; --update-baseline writes one", error) from None
    except (ValueError, TypeError, LookupError, RecursionError):
        raise click.UsageError(f"{path} is no baseline; --update-baseline writes one") from None


def _key(finding: Finding, path: str) -> Key:
    file = finding.file or ""
    if file and not file.startswith("<"):
        file = os.path.relpath(file, os.path.dirname(path) or os.curdir).replace(os.sep, "/")
    return identity(finding, file)
