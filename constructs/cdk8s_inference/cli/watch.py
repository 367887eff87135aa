"""``--watch``: a command, again whenever its files change."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import click

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.cli.files import STDIN

INTERVAL = 0.3
"""Seconds between two looks at the files."""

State = dict[str, tuple[int, int]]
"""When each file was changed last, and how large it is."""


def watchable(parameter: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command ``--watch``; it is the last decorator of one.

    Args:
        parameter: The command's argument that has the paths.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @click.option("--watch", is_flag=True, help="Run again whenever a file changes.")
        @wraps(command)
        def run(*, watch: bool, **options: Any) -> None:
            if watch:
                watched(options[parameter], lambda: command(**options))
            else:
                command(**options)

        return run

    return decorate


def watched(
    paths: Sequence[str], once: Callable[[], None], pause: Callable[[float], None] = time.sleep
) -> None:
    """Runs something, and again whenever a file of some paths changes, until it is interrupted.

    Args:
        paths: Files and folders.
        once: What runs; it may end as a command does.
        pause: What waits between two looks at the files.

    Raises:
        click.UsageError: There is no path, or standard input is among them.
    """
    if not paths or STDIN in paths:
        raise click.UsageError("--watch needs files or folders, and not standard input.")
    while True:
        before = _state(paths)
        try:
            once()
        except (SystemExit, click.exceptions.Exit):
            pass
        except click.ClickException as problem:
            problem.show()
        click.echo(f"watching {plural(len(before), 'file')}", err=True)
        while _state(paths) == before:
            pause(INTERVAL)
        if sys.stdout.isatty():
            click.clear()


def _state(paths: Sequence[str]) -> State:
    found: State = {}
    for file in _files(paths):
        try:
            status = os.stat(file)
        except OSError:
            continue
        found[file] = (status.st_mtime_ns, status.st_size)
    return found


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if not os.path.isdir(path):
            yield path
        for folder, folders, files in os.walk(path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from (os.path.join(folder, name) for name in files)
