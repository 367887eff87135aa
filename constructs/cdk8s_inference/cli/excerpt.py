"""Findings with the lines that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cdk8s_inference.findings import Finding

Lines = Mapping[str, Sequence[str]]
"""The lines of each file, by the name that findings call it."""

_WIDTH = 96


def with_excerpt(finding: Finding, lines: Lines) -> str:
    """A finding's text, with the line of each place that it names.

    Args:
        finding: The finding.
        lines: The lines of the files that were read.
    """
    head, *rest = str(finding).split("\n")
    shown = [head, *_line(finding.file, finding.line, lines)]
    related = iter(finding.related)
    for text in rest:
        shown.append(text)
        if text.startswith("    see: "):
            place = next(related)
            shown += _line(place.file, place.line, lines)
    return "\n".join(shown)


def _line(file: str | None, line: int | None, lines: Lines) -> list[str]:
    if file is None or line is None or not 0 < line <= len(lines.get(file, ())):
        return []
    text = lines[file][line - 1].strip()
    return [f"  {line:>6} | {text if len(text) <= _WIDTH else text[: _WIDTH - 3] + '...'}"]
