"""Manifests that an earlier run composed, kept by what they were composed from."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

from cdk8s_inference.checks.plugins import may_have_rules
from cdk8s_inference.cli.inputs import Loaded
from cdk8s_inference.platform import Platform

KEPT_DAYS = 14
"""Days after which manifests that no run asked for are removed."""

_SUFFIX = ".k8s.yaml"
_PACKAGE = Path(__file__).parents[1]


class ManifestCache:
    """A folder of manifests that were composed without a finding.

    A name in it is a digest of everything that the manifests depend on: the document, the platform,
    the day, since a waiver may expire, and the files of this package and the names of the installed
    ones. Nothing is kept where another package adds rules: what those read is not known.
    """

    def __init__(self, folder: Path, platform: Platform) -> None:
        self._folder = folder
        self._run = _digest([repr(platform), date.today().isoformat(), sys.version, *_code()])
        self._is_used = not may_have_rules()

    def get(self, item: Loaded) -> str | None:
        """The manifests of a deployment; None where they are not kept."""
        if not self._is_used:
            return None
        file = self._file(item)
        try:
            text = file.read_bytes().decode()
            os.utime(file)
        except (OSError, ValueError):
            return None
        digest, _, manifests = text.partition("\n")
        return manifests if digest == f"# {_digest([manifests])}" else None

    def put(self, item: Loaded, manifests: str) -> None:
        """Keeps the manifests of a deployment, where that is possible."""
        if not self._is_used:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            written = self._folder / f".{os.getpid()}"
            written.write_bytes(f"# {_digest([manifests])}\n{manifests}".encode())
            written.replace(self._file(item))

    def remove_old(self) -> None:
        """Removes what no run asked for in a while."""
        oldest = time.time() - KEPT_DAYS * 86400
        with suppress(OSError):
            for file in self._folder.glob(f"*{_SUFFIX}"):
                if file.stat().st_mtime < oldest:
                    file.unlink()

    def _file(self, item: Loaded) -> Path:
        codes = [each.code for each in item.findings]
        read = json.dumps([item.document.data, item.name, codes])
        return self._folder / f"{_digest([self._run, read])}{_SUFFIX}"


def _code() -> Iterator[str]:
    """What tells the code that runs from that of another day."""
    for file in sorted(_PACKAGE.rglob("*")):
        if file.suffix in (".py", ".tsv", ".json", ".yaml"):
            found = file.stat()
            yield f"{file} {found.st_size} {found.st_mtime_ns}"
    for folder in map(Path, sys.path):
        yield from sorted(each.name for each in folder.glob("*.*-info"))


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
