"""Markdown, as for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.cli.formats.markdown import plain
from cdk8s_inference.diff import Comparison
from cdk8s_inference.diff.words import Line, Section, sections, summary

MARK = "<!-- cdk8s-inference diff -->"
"""What a workflow finds its comment by."""

_LONGEST = 60_000
"""GitHub takes comments of 65536 characters."""


def written(comparison: Comparison) -> str:
    """The whole in a line, and what is below it; what is long is folded."""
    parts = [MARK, f"**cdk8s-inference diff**: {plain(summary(comparison))}"]
    size = sum(map(len, parts))
    for section in sections(comparison):
        text = "\n".join(_section(section))
        size += len(text)
        if size > _LONGEST:
            parts.append("_The rest is too long for a comment: see the output of the job._")
            break
        parts.append(text)
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> Iterator[str]:
    lines = [text for line in section.lines for text in _line(line)]
    if not section.is_detail:
        yield from (f"### {plain(section.title)}", "", *lines)
        return
    count = len(section.lines)
    yield from (
        f"<details><summary>{plain(section.title)} ({count})</summary>",
        "",
        *lines,
        "",
        "</details>",
    )


def _line(line: Line) -> Iterator[str]:
    yield f"- **{plain(line.label)}** {plain(line.text)}"
    for each in line.details:
        yield f"  - {plain(each)}"
