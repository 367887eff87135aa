"""A sample of what a code says: an input that breaks it, and the one that mends it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from cdk8s_inference.checks.example import Edit, apply

Kind = Literal["document", "picker config", "python"]
"""What reads the text: ``check`` and ``synth``, an endpoint picker, or Python."""


@dataclass(frozen=True)
class Sample:
    """Two texts that differ in what a code is about.

    Attributes:
        kind: What reads them.
        broken: Where the code's finding comes of.
        mended: Where it does not.
        release: The router's release that reads them, such as ``v0.10.0``; empty for the newest.
    """

    kind: Kind
    broken: str
    mended: str
    release: str = ""

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
    mended = _base(base)
    objects = list(yaml.safe_load_all(mended))
    for edit in edits:
        apply(objects, edit)
    return Sample("document", _dumped([*objects, *yaml.safe_load_all(added)]), mended)


def python(broken: str, mended: str) -> Sample:
    """A sample of what is written in Python, with every name of ``cdk8s_inference`` at hand."""
    return Sample("python", broken, mended)


def picker_config(broken: str, mended: str, *, release: str = "") -> Sample:
    """A sample of a picker's configuration for prefill and decode apart, as YAML."""
    return Sample("picker config", broken, mended, release)


@cache
def _base(name: str) -> str:
    text = resources.files("cdk8s_inference.checks.examples").joinpath(f"{name}.yaml").read_text()
    return _dumped(list(yaml.safe_load_all(text)))


def _dumped(objects: list[Any]) -> str:
    return yaml.safe_dump_all(objects, sort_keys=False, width=100)
