"""The files that a command line names, and standard input."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cdk8s_inference.findings import Finding, Place, Violation
from cdk8s_inference.source.reader import MAX_FILE
from cdk8s_inference.source.unreadable import D001

STDIN = "-"

SUFFIXES = (".yaml", ".yml", ".json")
"""The names of files that are read in folders end so."""


@dataclass(frozen=True)
class Input:
    """A file, or standard input.

    Attributes:
        argument: How the command line names it; ``-`` is standard input.
    """

    argument: str

    @property
    def name(self) -> str:
        """What findings call it."""
        return "<stdin>" if self.argument == STDIN else self.argument

    @property
    def stem(self) -> str:
        """Its name without folder and suffixes, as part of a file name of any file system."""
        name = "stdin" if self.argument == STDIN else os.path.basename(self.argument)
        return re.sub(r"[^a-z0-9_-]+", "-", name.lower().split(".")[0])[:64] or "document"

    def content(self) -> bytes:
        """Its bytes, one more than is allowed at most.

        Raises:
            OSError: It cannot be read.
        """
        if self.argument != STDIN:
            with open(self.argument, "rb") as file:
                return file.read(MAX_FILE + 1)
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        return sys.stdin.buffer.read(MAX_FILE + 1)


def inputs(arguments: Sequence[str]) -> list[Input]:
    """The inputs that a command line names. A file that it names twice is read once."""
    unique: dict[str, Input] = {}
    for argument in arguments:
        key = argument if argument == STDIN else os.path.realpath(argument)
        unique.setdefault(key, Input(argument))
    return list(unique.values())


def unreadable(source: Input, error: OSError) -> Finding:
    """Why an input cannot be read."""
    if isinstance(error, IsADirectoryError):
        fix = f"name the files in it: {os.path.join(source.argument, '*')}"
    elif isinstance(error, FileNotFoundError):
        fix = "name a file that exists"
    else:
        fix = "name one that you may read"
    reason = error.strerror or str(error)
    place = Place("", "", source.name)
    unlisted = not isinstance(error, IsADirectoryError) and os.path.isdir(source.argument)
    what = "the folder cannot be listed" if unlisted else "the file cannot be read"
    return D001.finding(Violation(place, f"{what}: {reason}", fix=fix))
