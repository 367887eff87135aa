"""SVG: one picture, whose deployments stand below each other."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from html import escape

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.findings.terminal import escaped
from cdk8s_inference.graph.layout import Box, Frame, Layout, Line, layout
from cdk8s_inference.graph.model import SEVERITIES, Graph, Node, Section, words

LIGHT = {
    "back": "#ffffff",
    "ink": "#1f2328",
    "soft": "#59636e",
    "line": "#6e7781",
    "box": "#f6f8fa",
    "frame": "#d1d9e0",
    "prefill": "#bc4c00",
    "decode": "#0969da",
    "both": "#8250df",
    "encode": "#1a7f37",
    "error": "#d1242f",
    "warning": "#9a6700",
    "note": "#0969da",
}
DARK = {
    "back": "#0d1117",
    "ink": "#f0f6fc",
    "soft": "#9198a1",
    "line": "#9198a1",
    "box": "#161b22",
    "frame": "#3d444d",
    "prefill": "#f0883e",
    "decode": "#58a6ff",
    "both": "#bc8cff",
    "encode": "#3fb950",
    "error": "#ff7b72",
    "warning": "#d29922",
    "note": "#58a6ff",
}

DRAWING = """\
.drawing text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.drawing text{fill:var(--ink)}
.drawing .name{font-weight:600;font-size:13px}
.drawing .soft,.drawing .label{fill:var(--soft)}
.drawing .label{font-size:11px;text-anchor:middle}
.drawing .label{paint-order:stroke;stroke:var(--back);stroke-width:4px;stroke-linejoin:round}
.drawing rect{fill:var(--box);stroke:var(--line);stroke-width:1.2}
.drawing .unread rect{stroke-dasharray:5 4}
.drawing .frame{fill:none;stroke:var(--frame);stroke-dasharray:none}
.drawing .stripe{stroke:none}
.drawing .prefill .stripe{fill:var(--prefill)}
.drawing .decode .stripe{fill:var(--decode)}
.drawing .both .stripe{fill:var(--both)}
.drawing .encode .stripe{fill:var(--encode)}
.drawing .error rect:first-of-type{stroke:var(--error);stroke-width:3}
.drawing .warning rect:first-of-type{stroke:var(--warning);stroke-width:3}
.drawing .error .mark{fill:var(--error);font-weight:600}
.drawing .warning .mark{fill:var(--warning);font-weight:600}
.drawing .note .mark{fill:var(--note);font-weight:600}
.drawing path{fill:none;stroke:var(--line);stroke-width:1.4}
.drawing .asks{stroke-dasharray:6 4}
.drawing .events{stroke-dasharray:2 4}
.drawing .transfer{stroke:var(--prefill);stroke-width:2.6}
.drawing .uses{stroke-width:1}
.drawing .head{fill:var(--line);stroke:none}
.drawing .transfer-head{fill:var(--prefill);stroke:none}
.drawing .finding{font-size:12px}
"""
"""How drawings look, by variables of colors."""


def variables(colors: dict[str, str]) -> str:
    """Colors as variables of CSS."""
    return "".join(f"--{name}:{color};" for name, color in colors.items())


_STYLE = f"""\
svg{{{variables(LIGHT)}color-scheme:light dark;background:var(--back)}}
@media (prefers-color-scheme:dark){{svg{{{variables(DARK)}}}}}
.title{{font:600 18px system-ui,sans-serif;fill:var(--ink)}}
.summary{{font:13px system-ui,sans-serif;fill:var(--soft)}}
{DRAWING}"""

_HEAD = 52.0
_WRAP = 110


def written(graph: Graph) -> str:
    """A picture of all deployments, with the words of findings below each."""
    parts: list[str] = []
    y, width = 16.0, 480.0
    for section in graph.sections:
        place = layout(section)
        told = [line for each in section.findings for line in _words(words(each))]
        width = max(width, place.width, max(map(len, told), default=0) * 6.6 + 48)
        title = text(f"{section.namespace}/{section.title}")
        parts.append(f'<text class="title" x="24" y="{y + 16:.0f}">{title}</text>')
        summary = text(" · ".join(section.summary))
        parts.append(f'<text class="summary" x="24" y="{y + 36:.0f}">{summary}</text>')
        parts.append(f'<g class="drawing" transform="translate(0 {y + _HEAD:.0f})">')
        parts.append(heads(section.id))
        parts += drawing(section, place)
        for index, line in enumerate(told):
            at = place.height + 14 + 16 * index
            parts.append(f'<text class="finding" x="24" y="{at:.0f}">{text(line)}</text>')
        parts.append("</g>")
        y += _HEAD + place.height + 16 * len(told) + 40
    names = ", ".join(f"{each.namespace}/{each.title}" for each in graph.sections)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{y:.0f}" '
        f'viewBox="0 0 {width:.0f} {y:.0f}" role="img" aria-labelledby="title">\n'
        f'<title id="title">{text(f"What is served: {names}")}</title>\n'
        f"<style>\n{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def heads(section: str) -> str:
    """The heads of a deployment's arrows, which their paths refer to."""
    shape = '<path d="M0,0 L8,4 L0,8 z" class="{}"/>'
    marker = (
        '<marker id="{}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" '
        'markerUnits="userSpaceOnUse" orient="auto">{}</marker>'
    )
    return (
        "<defs>"
        + marker.format(f"{section}h", shape.format("head"))
        + marker.format(f"{section}x", shape.format("transfer-head"))
        + "</defs>"
    )


def drawing(section: Section, place: Layout, *, linked: bool = False) -> Iterator[str]:
    """The elements of a deployment's drawing.

    Args:
        section: The deployment.
        place: Where its parts are.
        linked: Whether each part is a link to the element of its identifier in the same page.
    """
    yield from (_frame(each) for each in place.frames)
    for line in place.lines:
        yield from _path(section, line)
    for box in sorted(place.boxes, key=lambda each: (each.y, each.x)):
        yield from _box(box, linked=linked)
    for line in place.lines:
        yield from _label(line)


def text(value: str) -> str:
    """A text as XML has it: without characters that it cannot have."""
    return escape(escaped(value))


def _frame(frame: Frame) -> str:
    return (
        f'<rect class="frame" x="{frame.x:.0f}" y="{frame.y:.0f}" width="{frame.width:.0f}" '
        f'height="{frame.height:.0f}" rx="12"/>'
    )


def _path(section: Section, line: Line) -> Iterator[str]:
    kind = line.edge.kind
    name = f"{section.id}{'x' if kind == 'transfer' else 'h'}"
    head = "" if kind == "uses" else f' marker-end="url(#{name})"'
    yield f'<path class="{kind}" d="{line.path}"{head} aria-hidden="true"/>'


def _label(line: Line) -> Iterator[str]:
    for index, part in enumerate(line.label):
        y = line.y + 13 * index
        at = f'x="{line.x:.0f}" y="{y:.0f}"'
        yield f'<text class="label" {at} aria-hidden="true">{text(part)}</text>'


def spoken(node: Node) -> str:
    """A part as a screen reader says it."""
    said = f"{node.heading} {node.name}"
    if node.lines:
        said += f": {', '.join(node.lines)}"
    counted = Counter(each.severity for each in node.findings)
    found = ", ".join(plural(counted[each], each) for each in SEVERITIES if counted[each])
    codes = " ".join(dict.fromkeys(each.code for each in node.findings))
    return f"{said}; {found}: {codes}" if found else said


def _box(box: Box, *, linked: bool) -> Iterator[str]:
    node = box.node
    classes = " ".join(
        each
        for each in ("node", node.role, node.worst or "", "" if node.is_read else "unread")
        if each
    )
    label = text(spoken(node))
    if linked:
        yield f'<a href="#{node.id}" class="{classes}" data-part="{node.id}" aria-label="{label}">'
    else:
        yield f'<g class="{classes}" role="img" aria-label="{label}">'
    told = "\n".join(map(text, (node.object, *map(words, node.findings))))
    yield f"<title>{told}</title>"
    yield (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" '
        f'height="{box.height:.0f}" rx="8"/>'
    )
    if node.role:
        yield (
            f'<rect class="stripe" x="{box.x + 4:.0f}" y="{box.y + 8:.0f}" width="4" '
            f'height="{box.height - 16:.0f}" rx="2"/>'
        )
    x, y = box.x + 17, box.y + 9 + 12
    for line in box.name:
        yield f'<text class="name" x="{x:.0f}" y="{y:.0f}">{text(line)}</text>'
        y += 17
    shown = [("soft", box.lines[0]), *(("", line) for line in box.lines[1:])]
    shown += [("mark", line) for line in box.mark]
    for style, line in shown:
        given = f' class="{style}"' if style else ""
        yield f'<text{given} x="{x:.0f}" y="{y:.0f}">{text(line)}</text>'
        y += 15
    yield "</a>" if linked else "</g>"


def _words(told: str) -> list[str]:
    return textwrap.wrap(told, _WRAP, subsequent_indent="    ")
