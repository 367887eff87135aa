"""The formats that a comparison is written in, a file for each, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdk8s_inference.diff import Comparison

FORMATS = ("text", "markdown", "json")


def written(format: str, comparison: Comparison) -> str:
    """A comparison in one of the formats, with a line break at its end."""
    text: str = import_module(f"{__name__}.{format}").written(comparison)
    return text
