"""From files to manifests, all or nothing."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdk8s_inference.findings import Finding
from cdk8s_inference.platform import Platform
from cdk8s_inference.spec.document import Deployment, check
from cdk8s_inference.spec.source import MAX_BYTES, read

SUFFIX = ".k8s.yaml"


@dataclass(frozen=True)
class Input:
    """A file to read, or standard input.

    Attributes:
        name: What findings call it.
        path: Where it is; None for standard input.
    """

    name: str
    path: Path | None

    @classmethod
    def named(cls, name: str) -> Input:
        """The input that a command line argument names: ``-`` is standard input."""
        return cls("<stdin>", None) if name == "-" else cls(name, Path(name))

    def content(self) -> bytes:
        """Its bytes, one more than is allowed at most.

        Raises:
            OSError: It cannot be read.
        """
        if self.path is None:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with self.path.open("rb") as file:
            return file.read(MAX_BYTES + 1)

    @property
    def stem(self) -> str:
        """Its name without folder and suffixes, as part of a file name."""
        name = "stdin" if self.path is None else self.path.name.split(".")[0]
        return re.sub(r"[^A-Za-z0-9_-]+", "-", name) or "document"


@dataclass(frozen=True)
class Loaded:
    """A valid deployment, with what was found in it and where it came from."""

    deployment: Deployment
    findings: Sequence[Finding]
    source: Input


def load(
    inputs: Sequence[Input], platform: Platform, namespace: str | None
) -> tuple[list[Loaded], list[Finding]]:
    """Every valid deployment of the inputs, and every finding of all of them."""
    loaded: list[Loaded] = []
    findings: list[Finding] = []
    for source in inputs:
        try:
            content = source.content()
        except OSError as error:
            findings.append(_unreadable(source, error))
            continue
        documents, problems = read(content, source.name)
        findings += problems
        for document in documents:
            deployment, found = check(document, platform, namespace=namespace)
            findings += found
            if deployment is not None:
                loaded.append(Loaded(deployment, found, source))
    findings += _repeated(loaded)
    return loaded, findings


def compose(loaded: Sequence[Loaded], platform: Platform) -> dict[str, str]:
    """The manifests of each deployment by file name."""
    # Starting cdk8s starts Node.js, which a wrong input must not wait for.
    from cdk8s import App

    from cdk8s_inference.deployment import ModelDeployment

    manifests: dict[str, str] = {}
    for file_name, item in zip(file_names(loaded), loaded, strict=True):
        # An App each: two documents may describe one deployment on two clusters.
        app = App()
        ModelDeployment.from_checked(
            app, item.deployment.name, item.deployment, item.findings, platform
        )
        manifests[file_name] = app.synth_yaml()
    return manifests


def file_names(loaded: Sequence[Loaded]) -> list[str]:
    """A file name for each deployment: its namespace and name.

    Where several deployments share these, the file that each came from is added, and a number
    where that is not enough.
    """
    names = [f"{item.deployment.namespace}.{item.deployment.name}" for item in loaded]
    for distinguish in (
        [item.source.stem for item in loaded],
        [str(index + 1) for index in range(len(loaded))],
    ):
        counts = Counter(names)
        names = [
            f"{name}.{addition}" if counts[name] > 1 else name
            for name, addition in zip(names, distinguish, strict=True)
        ]
    return [f"{name}{SUFFIX}" for name in names]


def write(manifests: Mapping[str, str], folder: Path) -> None:
    """Writes the manifests into a folder: each file whole, and none before all are staged.

    Raises:
        OSError: The folder cannot be written to. Files that were there are as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cdk8s-inference-", dir=folder) as staging:
        for name, text in manifests.items():
            if (folder / name).is_dir():
                raise IsADirectoryError(0, f"{name} is a folder")
            (Path(staging) / name).write_text(text, encoding="utf-8")
        for name in manifests:
            os.replace(Path(staging) / name, folder / name)


def _unreadable(source: Input, error: OSError) -> Finding:
    return Finding(
        "D001",
        "error",
        "",
        f"cannot be read: {error.strerror or error}",
        "name a file that exists and that you may read",
        source.name,
    )


def _repeated(loaded: Sequence[Loaded]) -> list[Finding]:
    first: dict[tuple[str, str], Loaded] = {}
    findings = []
    for item in loaded:
        key = (item.deployment.namespace, item.deployment.name)
        earlier = first.setdefault(key, item)
        if earlier is not item:
            findings.append(
                Finding(
                    "D206",
                    "warning",
                    "metadata.name",
                    f"{'/'.join(key)} is described by {earlier.source.name} too: of two applied "
                    "to one cluster, the later one stays",
                    "apply each to a cluster of its own, or rename one",
                    item.source.name,
                )
            )
    return findings
