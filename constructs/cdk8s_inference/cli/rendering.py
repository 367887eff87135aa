"""Charts and Kustomize folders, rendered by the programs that are there for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click

from cdk8s_inference.cli.not_objects import KUSTOMIZATIONS

TIMEOUT = 120
"""Seconds that a program may take."""


@dataclass(frozen=True)
class Rendered:
    """What a program made of a folder.

    Attributes:
        name: The command, which findings call it by.
        content: What it wrote to standard output.
    """

    name: str
    content: bytes


def is_rendered(folder: str) -> bool:
    """Whether a folder is a chart, or one that Kustomize builds."""
    return any(
        os.path.isfile(os.path.join(folder, name)) for name in ("Chart.yaml", *KUSTOMIZATIONS)
    )


def rendered(folder: str) -> Rendered:
    """A folder, rendered.

    Raises:
        click.UsageError: The program is not there, fails or takes too long.
    """
    if os.path.isfile(os.path.join(folder, "Chart.yaml")):
        tools: Mapping[str, Callable[[str], list[str]]] = {"helm": _helm}
    else:
        tools = {"kustomize": _kustomize, "kubectl": _kubectl}
    for tool, command in tools.items():
        if (program := shutil.which(tool)) is not None:
            return _run(program, command(folder))
    raise click.UsageError(f"--render of {folder} needs {' or '.join(tools)} on PATH.")


def _helm(folder: str) -> list[str]:
    return ["helm", "template", folder]


def _kustomize(folder: str) -> list[str]:
    return ["kustomize", "build", folder]


def _kubectl(folder: str) -> list[str]:
    return ["kubectl", "kustomize", folder]


def _run(program: str, command: list[str]) -> Rendered:
    name = " ".join(command)
    # A folder that begins with a hyphen is no option.
    folder = os.path.join(os.curdir, command[-1]) if command[-1].startswith("-") else command[-1]
    try:
        done = subprocess.run(
            [program, *command[1:-1], folder],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise click.UsageError(f"{name} took more than {TIMEOUT} seconds.") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or f"it ended with {done.returncode}"
        raise click.UsageError(f"{name} failed: {said}")
    return Rendered(f"<{name}>", done.stdout)
