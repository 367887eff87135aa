"""The tables and the plot of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.deployments import Mode
from benchmarks.process import Run
from benchmarks.sides import Side


@dataclass(frozen=True)
class Row:
    """The runs of one side over one workload, each with the run of the base beside it."""

    mode: Mode
    count: int
    side: Side
    pairs: Sequence[tuple[Run, Run]]

    @property
    def wall(self) -> str:
        """How many times as long it takes, as median, least and most of the rounds."""
        return _spread([own.wall / base.wall for own, base in self.pairs])

    @property
    def cpu(self) -> str:
        """The same for processor time."""
        return _spread([own.cpu / base.cpu for own, base in self.pairs])

    @property
    def ratio(self) -> float:
        """The median of the times."""
        return median(own.wall / base.wall for own, base in self.pairs)

    @property
    def memory(self) -> str:
        """The peak of each of its programs, in MiB."""
        peaks: dict[str, list[float]] = {}
        for own, _ in self.pairs:
            for name, peak in own.memory.items():
                peaks.setdefault(name, []).append(peak)
        shown = {name: round(median(found)) for name, found in peaks.items() if name != "sh"}
        return ", ".join(f"{name} {peak}" for name, peak in sorted(shown.items())) or "-"


def growth(rows: Sequence[Row], first: int) -> str:
    """A table of the time that each deployment takes, of that where there are fewer.

    Args:
        rows: The rows of several numbers of deployments.
        first: The number that the others are compared with.
    """
    counts = sorted({row.count for row in rows if row.count > first})
    if not counts:
        return f"No run had more than {first} deployments."
    medians = {
        (row.mode, row.side, row.count): median(own.wall for own, _ in row.pairs) / row.count
        for row in rows
    }
    lines = [
        f"| mode | program | {' | '.join(f'{count} deployments' for count in counts)} |",
        f"| --- | --- |{' ---: |' * len(counts)}",
    ]
    for mode, side in dict.fromkeys((row.mode, row.side) for row in rows):
        one = medians.get((mode, side, first))
        ratios = [
            f"{each / one:.2f}" if one and each else "-"
            for each in (medians.get((mode, side, count)) for count in counts)
        ]
        lines.append(f"| {mode} | {side.name} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def _spread(ratios: Sequence[float]) -> str:
    middle = f"{median(ratios):.2f}"
    return f"{middle} ({min(ratios):.2f}-{max(ratios):.2f})" if len(ratios) > 1 else middle


def table(rows: Sequence[Row], base: Side) -> str:
    """A table in Markdown, a section for each mode."""
    lines: list[str] = []
    for mode in dict.fromkeys(row.mode for row in rows):
        lines += [
            f"### {mode}",
            "",
            f"| deployments | program | time, of {base.name} | CPU time, of the same | peak MiB |",
            "| ---: | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {row.count} | {row.side.name} | {row.wall} | {row.cpu} | {row.memory} |"
            for row in rows
            if row.mode == mode
        ]
        lines.append("")
    return "\n".join(lines)


def plot(rows: Sequence[Row], base: Side, title: str) -> bytes:
    """The ratios by the number of deployments, as SVG."""
    import pygal
    from pygal.style import Style

    style = Style(background="#ffffff", plot_background="#ffffff", font_family="sans-serif")
    chart = pygal.XY(
        title=title,
        x_title="deployments",
        y_title=f"time, of {base.name}",
        logarithmic=True,
        style=style,
        js=(),
        no_prefix=True,
        explicit_size=True,
        legend_at_bottom=True,
        legend_at_bottom_columns=2,
    )
    for side in dict.fromkeys(row.side for row in rows):
        points = [(row.count, row.ratio) for row in rows if row.side is side]
        if len(points) > 1:
            chart.add(side.name.replace("`", ""), points)
    rendered: bytes = chart.render()
    return rendered + b"\n"


def replace_section(file: Path, name: str, text: str) -> None:
    """Writes what stands between a pair of comments of a Markdown file."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    written, count = re.subn(
        f"{re.escape(begin)}.*{re.escape(end)}",
        lambda _: f"{begin}\n{text}\n{end}",
        file.read_text(),
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{file} has no section {name!r}")
    file.write_text(written)
