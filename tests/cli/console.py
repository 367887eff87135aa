"""Runs of the command line: within the test's process, and of the installed program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from cdk8s_inference.cli.commands import commands
from tests.document.builders import Json, document, edited, standalone

PROGRAM = Path(sys.executable).with_name("cdk8s-inference")


def run(*arguments: str | Path, input: str | bytes | None = None) -> Result:
    """One run within this process; a traceback fails the test."""
    result = CliRunner().invoke(commands, [str(argument) for argument in arguments], input=input)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def synth(*arguments: str | Path, input: str | bytes | None = None) -> Result:
    return run("synth", *arguments, input=input)


def program(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    memory_kib: int | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[bytes]:
    """One run of the installed program, within an address space where one is given."""
    limit = f"ulimit -v {memory_kib};" if memory_kib else ""
    return subprocess.run(
        ["/bin/sh", "-c", f'{limit} exec "$@"', "sh", PROGRAM, *arguments],
        env={**os.environ, **(env or {})},
        timeout=60,
        check=False,
        **{"capture_output": True, **options},
    )


def found(result: Result) -> list[dict[str, Any]]:
    """The findings of a run with ``--format json``."""
    parsed = json.loads(result.stderr)
    assert isinstance(parsed, list)
    return parsed


def named(name: str, namespace: str = "ml-team") -> Json:
    made = edited(document(standalone("engine")), "metadata.name", name)
    return edited(made, "metadata.namespace", namespace)


def save(path: Path, *documents: Json) -> Path:
    """A file of documents: JSON where its name says so, else YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        (only,) = documents
        path.write_text(json.dumps(only, indent=1))
    else:
        path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return path


def tree(folder: Path) -> dict[str, str]:
    """What a folder holds: the text of each file, and where each link leads."""
    return {
        str(path.relative_to(folder)): f"-> {os.readlink(path)}"
        if path.is_symlink()
        else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def recorder(folder: Path, version: str = "") -> Path:
    """A program ``node`` that tells no more than a version, and leaves a file when it ran."""
    folder.mkdir(parents=True, exist_ok=True)
    node = folder / "node"
    node.write_text(f"#!/bin/sh\necho \"$@\" >> '{node}.runs'\necho {version}\n")
    node.chmod(0o755)
    return node


def runs(node: Path) -> list[str]:
    """The arguments of each run of a recorder."""
    file = Path(f"{node}.runs")
    return file.read_text().splitlines() if file.exists() else []
