"""Where manifests go: a folder, all files or none, or standard output."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
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


def write(texts: Mapping[str, str], folder: Path) -> None:
    """Writes texts by file name into a folder: all of them, or none.

    Other files of the folder stay, also those of an earlier run, since they may be anybody's.
    Each file is its old or its new self at every moment, whatever stops the program.

    Raises:
        OSError: The folder cannot be written to. Its files are as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
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
            undo.pop_all()


def to_stdout(texts: Sequence[str]) -> None:
    """Writes texts to standard output, as the documents of one YAML stream.

    Raises:
        OSError: It cannot be written to.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    stream = sys.stdout.buffer
    left = memoryview("---\n".join(texts).encode())
    try:
        while left:  # PYTHONUNBUFFERED makes it a raw file, which may take less than all.
            left = left[stream.write(left) or 0 :]
        stream.flush()
    except OSError:
        # Python flushes once more at exit, and would complain in words of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise
