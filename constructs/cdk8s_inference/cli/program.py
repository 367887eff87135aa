"""A run of the program: what fails around it ends in one line and an exit status."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import TextIO

import click

from cdk8s_inference.cli.commands import commands
from cdk8s_inference.findings.terminal import escaped

EXIT_FAILURE = 2
EXIT_INTERRUPTED = 130
"""As a shell reports a program that SIGINT ended."""


def run() -> int:
    """Runs the command that the arguments name, and returns the exit status."""
    interrupts: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    # One that the program is to ignore, as in the background of a shell, stays ignored.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        status = _run()
        # What was asked for is done, and what ends with the process ends at once.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return status
    except BaseException:
        # Not all of Python lets the interrupt through as what it is.
        if not interrupts:
            raise
        # The second one waits for nothing. Node.js had the first as well: what jsii says of a
        # process that is gone, when it stops it, helps nobody.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _silence(sys.stdout, sys.stderr)
        return EXIT_INTERRUPTED


def _run() -> int:
    try:
        _escape_what_the_locale_lacks()
        result = commands.main(prog_name="cdk8s-inference", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_FAILURE
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as problem:
        if isinstance(problem, click.UsageError) and problem.ctx is not None:
            _say(problem.ctx.get_usage())
            _say(f"Try '{problem.ctx.command_path} --help' for help.\n")
        _say(f"Error: {_lines(problem.format_message())}")
        return problem.exit_code
    except OSError as error:
        where = f": {error.filename}" if isinstance(error.filename, str) else ""
        _say(f"Error: {escaped(f'{error.strerror or error}{where}')}")
        return EXIT_FAILURE
    except MemoryError:
        _say("Error: Not enough memory")
        return EXIT_FAILURE
    finally:
        _flush(sys.stdout)


def _escape_what_the_locale_lacks() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _lines(text: str) -> str:
    return "\n".join(map(escaped, text.split("\n")))


def _say(text: str) -> None:
    try:
        click.echo(text, err=True)
    except OSError:  # Nobody can be told; the exit status remains.
        _silence(sys.stderr)


def _flush(stream: TextIO | None) -> None:
    """Writes what is left, or discards it: Python does so at exit, and complains in its words."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        _silence(stream)


def _silence(*streams: TextIO | None) -> None:
    """Discards what else is written."""
    for stream in streams:
        if stream is not None:
            with suppress(OSError, ValueError):  # It may be closed.
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
