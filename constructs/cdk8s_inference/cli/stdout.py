"""Standard output: what a command answers."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import TextIO

import click


def to_stdout(texts: Sequence[str]) -> None:
    """Writes texts to standard output, as the documents of one YAML stream.

    Raises:
        OSError: It cannot be written to.
    """
    stream = _stdout().buffer
    left = memoryview("---\n".join(texts).encode())
    while left:  # PYTHONUNBUFFERED makes it a raw file, which may take less than all.
        left = left[stream.write(left) or 0 :]
    stream.flush()


def say(text: str, *, nl: bool = True) -> None:
    """Writes what a command answers to standard output, in color where that is a terminal.

    Raises:
        OSError: It cannot be written to.
    """
    _stdout()
    click.echo(text, nl=nl, color=wanted_color())


def wanted_color() -> bool | None:
    """Whether texts are colored: NO_COLOR and FORCE_COLOR say so; None where a terminal decides."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _stdout() -> TextIO:
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdout
