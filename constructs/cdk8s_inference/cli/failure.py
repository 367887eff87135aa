"""A failure of what is around the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

EXIT_READER_GONE = 141
"""As a shell reports a program that SIGPIPE ended."""


class Failure(click.ClickException):
    """What is wrong is neither the input nor the usage: a full disk, a missing program."""

    exit_code = 2

    def __init__(self, what: str, error: OSError) -> None:
        where = f": {error.filename}" if error.filename else ""
        super().__init__(f"{what}: {error.strerror or error}{where}")


@contextmanager
def writing(target: str) -> Iterator[None]:
    """Names what could not be written to.

    Raises:
        Exit: The reader is gone, which is no failure.
        Failure: Another error of the system.
    """
    try:
        yield
    except BrokenPipeError:
        raise click.exceptions.Exit(EXIT_READER_GONE) from None
    except OSError as error:
        raise Failure(f"Cannot write to {target}", error) from None
