"""The folder that manifests go to: all files or none."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cdk8s_inference.cli.inputs import Loaded, LoadedStack

SUFFIX = ".k8s.yaml"


def file_names(loaded: Sequence[Loaded]) -> list[str]:
    """A file name for each deployment: its namespace and name.

    Where several deployments share these, the name of the file that each came from is added,
    and a number where that is not enough.
    """
    return _unique(
        [f"{item.deployment.namespace}.{item.deployment.name}" for item in loaded],
        [item.source.stem for item in loaded],
    )


STACK_PARTS = ("foundation", "components", "gateway")


def stack_file_names(stacks: Sequence[LoadedStack]) -> list[list[str]]:
    """The file names of each stack's parts.

    They sort before those of deployments, and in the order of the parts, since ``kubectl``
    applies a folder's files by name.
    """
    bases = _unique([stack.name for stack in stacks], [stack.source.stem for stack in stacks])
    return [
        [f"{index:04}-{part}.{base}" for index, part in enumerate(STACK_PARTS)] for base in bases
    ]


def _unique(names: Sequence[str], stems: Sequence[str]) -> list[str]:
    names = _distinguished(names, stems)
    seen: Counter[str] = Counter()
    numbers = []
    for name in names:
        seen[name] += 1
        numbers.append(str(seen[name]))
    return [f"{name}{SUFFIX}" for name in _distinguished(names, numbers)]


def _distinguished(names: Sequence[str], additions: Sequence[str]) -> list[str]:
    counts = Counter(names)
    return [
        f"{name}.{addition}" if counts[name] > 1 else name
        for name, addition in zip(names, additions, strict=True)
    ]


def write(texts: Mapping[str, str], folder: Path, *, prune: bool = False) -> list[str]:
    """Writes texts by file name into a folder: all of them, or none.

    Other files of the folder stay, since they may be anybody's; those of an earlier run are removed
    if that is asked for. Each file is its old or its new self at every moment, whatever stops the
    program.

    Args:
        texts: The texts.
        folder: The folder.
        prune: Whether files of an earlier run are removed that are not among the texts.

    Returns:
        The names of the files that were removed.

    Raises:
        OSError: The folder cannot be written to. Its files are as they were.
    """
    with _interrupts_held():
        return _write(texts, folder, prune=prune)


_MANAGED = re.compile(r"^    app\.kubernetes\.io/managed-by: cdk8s-inference$", re.MULTILINE)
_CRD = re.compile(r"^kind: CustomResourceDefinition$", re.MULTILINE)


def _is_ours(path: Path) -> bool:
    """Whether an earlier run wrote a file: its objects say so, but for CRDs."""
    if path.is_symlink() or not path.is_file():
        return False
    objects = re.split(r"^---\n", path.read_text(encoding="utf-8", errors="replace"), flags=re.M)
    managed = [_MANAGED.search(each) is not None for each in objects]
    foreign = zip(objects, managed, strict=True)
    return any(managed) and all(ours or _CRD.search(each) for each, ours in foreign)


def _write(texts: Mapping[str, str], folder: Path, *, prune: bool) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    old_files = sorted(folder.glob(f"*{SUFFIX}")) if prune else []
    stale = [each.name for each in old_files if each.name not in texts and _is_ours(each)]
    # Within the folder: only there is a rename sure to be one step.
    with tempfile.TemporaryDirectory(
        prefix=".cdk8s-inference-", dir=folder, ignore_cleanup_errors=True
    ) as staging:
        new, old = Path(staging, "new"), Path(staging, "old")
        new.mkdir()
        old.mkdir()
        for name, text in texts.items():
            (new / name).write_bytes(text.encode())
            if os.path.lexists(folder / name):
                shutil.copy2(folder / name, old / name, follow_symlinks=False)
        with ExitStack() as undo:
            for name in texts:
                if os.path.lexists(old / name):
                    undo.callback(os.replace, old / name, folder / name)
                else:
                    undo.callback((folder / name).unlink, missing_ok=True)
                os.replace(new / name, folder / name)
            for name in stale:
                os.replace(folder / name, old / name)
                undo.callback(os.replace, old / name, folder / name)
            undo.pop_all()
    return stale


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Lets an interrupt wait, so that it leaves nothing behind: this takes no time."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
