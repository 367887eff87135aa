"""Text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cdk8s_inference.cli.report import COLORS
from cdk8s_inference.diff import Comparison
from cdk8s_inference.diff.words import Line, sections, summary
from cdk8s_inference.findings.terminal import escaped


def written(comparison: Comparison) -> str:
    """A block for each served model, then what else there is, then the whole in a line."""
    blocks = []
    for section in sections(comparison):
        title = click.style(escaped(section.title), bold=True)
        blocks.append("\n".join([title, *(line for each in section.lines for line in _line(each))]))
    return "\n\n".join([*blocks, escaped(summary(comparison))]) + "\n"


def _line(line: Line) -> Iterator[str]:
    label = escaped(line.label)
    if line.severity is not None:
        label = click.style(label, fg=COLORS[line.severity], bold=True)
    yield f"  {label} {escaped(line.text)}"
    for each in line.details:
        yield f"      {escaped(each)}"
