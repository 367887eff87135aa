"""Files as they were committed."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

TIMEOUT = 120
"""Seconds that git may take."""


@contextmanager
def at_revision(
    revision: str, paths: Sequence[str], *, whole: bool = False
) -> Iterator[dict[str, str]]:
    """Copies of files and folders of the repository as they were in a revision, by their paths.

    Paths that it does not have are left out.

    Args:
        revision: The revision.
        paths: The files and folders.
        whole: Whether what is beside them is copied too, as what a Kustomize overlay is made of.

    Raises:
        click.UsageError: There is no git, no repository, no such revision, or a path is not in the
            repository.
    """
    top = _git(["rev-parse", "--show-toplevel"], os.curdir).decode().rstrip("\n")
    commit = _git(["rev-parse", "--verify", "--quiet", "--end-of-options",
                   f"{revision}^{{commit}}"], top).decode().strip()  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="cdk8s-inference-") as folder:
        found: dict[str, str] = {}
        for path in paths:
            name = os.path.relpath(os.path.realpath(path), os.path.realpath(top))
            if name.startswith(os.pardir):
                raise click.UsageError(f"{path} is not in the repository {top}.")
            if not _git(["ls-tree", "--full-tree", "-z", commit, *_pathspec(name)], top):
                continue
            if not (whole and found):
                spec = _pathspec(os.curdir if whole else name)
                archive = _git(["archive", "--format=tar", commit, *spec], top)
                with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                    for member in tar.getmembers():
                        if member.isfile() or member.isdir():  # No links: they lead elsewhere.
                            tar.extract(member, folder, filter="data")
            found[path] = os.path.normpath(os.path.join(folder, name))
        yield found


def _pathspec(name: str) -> list[str]:
    return [] if name == os.curdir else ["--", f":(literal){name}"]


def _git(arguments: Sequence[str], folder: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise click.UsageError("--git needs git on PATH.") from None
    except subprocess.TimeoutExpired:
        raise click.UsageError(f"git took more than {TIMEOUT} seconds.") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or "there is no such revision"
        raise click.UsageError(f"git {arguments[0]} failed: {said}")
    return done.stdout
