"""Places of findings, as programs that show them want them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePath
from urllib.parse import quote

from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.identity import identity


def relative(file: str) -> str:
    """A file's path from the current folder, with ``/``; absolute where it is not below that."""
    try:
        path = os.path.relpath(file)
    except ValueError:  # Another drive.
        path = file
    if path.startswith(".."):
        path = file
    return PurePath(path).as_posix()


def uri(file: str) -> str:
    """The URI of a file: a relative reference where it is below the current folder."""
    path = relative(file)
    return Path(path).as_uri() if os.path.isabs(path) else quote(os.fsencode(path))


def fingerprint(finding: Finding) -> str:
    """What a finding is recognized by when lines move, as one short text."""
    parts = identity(finding, "" if finding.file is None else relative(finding.file))
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


def where(finding: Finding) -> str:
    """The object and field of a finding, with a colon after them; empty for a whole file."""
    parts = " ".join(part for part in (finding.object, finding.path) if part)
    return f"{parts}: " if parts else ""


def sentence(finding: Finding) -> str:
    """A finding as one text: what is wrong and where, what to do, and what follows from it."""
    also = "".join(f" Also {each.code}: {each.summary}." for each in finding.consequences)
    return f"{where(finding)}{finding.summary}. Fix: {finding.fix}.{also}"
