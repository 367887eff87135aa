"""A sample of what a code says: an input that breaks it, and the one that mends it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Literal

import yaml

from cdk8s_inference.checks.example import Edit, apply

Kind = Literal["document", "manifests", "picker config", "python", "command"]
"""What reads the text: ``check`` the first two, an endpoint picker, Python, or a shell."""


@dataclass(frozen=True)
class Sample:
    """Two texts that differ in what a code is about.

    Attributes:
        kind: What reads them.
        texts: Gives the broken one, where the code's finding comes of, and the mended one, where
            it does not. Who explains one code does not wait for the texts of all.
        release: The router's release that reads them, such as ``v0.10.0``; empty for the newest.
    """

    kind: Kind
    texts: Callable[[], tuple[str, str]]
    release: str = ""

    @cached_property
    def _both(self) -> tuple[str, str]:
        return self.texts()

    @property
    def broken(self) -> str:
        """The text that breaks it."""
        return self._both[0]

    @property
    def mended(self) -> str:
        """The text that does not."""
        return self._both[1]

    def difference(self) -> str:
        """What the broken one has and the mended one has not, with a few lines around."""
        of = f", router {self.release}" if self.release else ""
        lines = difflib.unified_diff(
            self.broken.splitlines(),
            self.mended.splitlines(),
            f"{self.kind}, broken{of}",
            f"{self.kind}, mended{of}",
            lineterm="",
        )
        return "\n".join(lines)


def document(base: str, *edits: Edit, added: str = "") -> Sample:
    """A sample of ModelDeployment or ServingStack documents.

    Args:
        base: A file of this package's examples, without its suffix.
        edits: What breaks it, by kind and name of the object.
        added: Documents that break it, as YAML.
    """
    return Sample("document", lambda: _edited(base, edits, added))


def manifests(base: str, *edits: Edit) -> Sample:
    """A sample of Kubernetes objects; see :func:`document`."""
    return Sample("manifests", lambda: _edited(base, edits))


def rewritten(base: str, mended: str, broken: str) -> Sample:
    """A sample of a document whose text is broken, or whose break reads best where it stands.

    Args:
        base: A file of this package's examples, without its suffix.
        mended: A part of it.
        broken: What stands in its place.
    """

    def texts() -> tuple[str, str]:
        text = _text(base)
        return text.replace(mended, broken), text

    return Sample("document", texts)


def written(kind: Kind, broken: str, mended: str) -> Sample:
    """A sample of texts as they are."""
    return Sample(kind, lambda: (broken, mended))


def python(broken: str, mended: str) -> Sample:
    """A sample of what is written in Python, with every name of ``cdk8s_inference`` at hand.

    It runs beside this package's examples, and may read them as files.
    """
    return written("python", broken, mended)


def command(broken: str, mended: str) -> Sample:
    """A sample of a command line, run beside this package's examples."""
    return written("command", broken, mended)


def picker_config(broken: str, mended: str, *, release: str = "") -> Sample:
    """A sample of a picker's configuration for prefill and decode apart, as YAML."""
    return Sample("picker config", lambda: (broken, mended), release)


def _text(base: str) -> str:
    return resources.files("cdk8s_inference.checks.examples").joinpath(f"{base}.yaml").read_text()


def _edited(base: str, edits: tuple[Edit, ...], added: str = "") -> tuple[str, str]:
    objects = list(yaml.safe_load_all(_text(base)))
    mended = _dumped(objects)
    for edit in edits:
        apply(objects, edit)
    return _dumped([*objects, *yaml.safe_load_all(added)]), mended


def _dumped(objects: list[Any]) -> str:
    return yaml.safe_dump_all(objects, sort_keys=False, width=100)
