"""One page of HTML that holds all it needs: an index, a drawing of each deployment, and words.

Every part of a drawing is a link to what is said of it, so that the page also works without its
script, which shows that beside the drawing and filters the index.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.findings import Finding
from cdk8s_inference.graph.layout import layout
from cdk8s_inference.graph.model import SEVERITIES, SYMBOLS, Graph, Node, Section, ordered
from cdk8s_inference.graph.svg import DARK, DRAWING, LIGHT, drawing, heads, text, variables

_LEGEND = (
    ("requests", "requests"),
    ("asks", "asks for an endpoint, or for peers"),
    ("transfer", "KV cache"),
    ("events", "KV events"),
)
_WIDE = 1400
"""Wider drawings are scrolled instead of made smaller."""

_ARROW_WORDS = {
    "requests": "sends requests to",
    "asks": "asks",
    "transfer": "hands its KV cache to",
    "events": "tells its KV events to",
    "uses": "uses",
}


def written(graph: Graph) -> str:
    """The page."""
    style = (
        f":root{{{variables(LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}\n"
        f"{_file('page.css')}{DRAWING}"
    )
    script = _file("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<title>What is served</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *_navigation(graph),
            *_main(graph),
            *_PANEL,
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


_PANEL = (
    '<aside id="panel" role="dialog" aria-labelledby="panel-title" hidden>',
    '<button type="button">Close</button>',
    "<div></div>",
    "</aside>",
)


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _navigation(graph: Graph) -> Iterator[str]:
    every = ordered(each for section in graph.sections for each in section.findings)
    total = (*every, *graph.findings)
    yield '<a class="skip" href="#main">Skip to the drawings</a>'
    yield '<nav aria-label="Deployments">'
    yield "<h1>What is served</h1>"
    yield f"<p>{plural(len(graph.sections), 'deployment')}, {plural(len(total), 'finding')}</p>"
    yield '<div id="filters" role="search" hidden>'
    yield '<label for="search">Search</label>'
    yield '<input id="search" type="search" placeholder="name, model, host, code" '
    yield 'aria-describedby="count">'
    yield '<label for="level">Findings</label>'
    yield '<select id="level"><option value="">any or none</option>'
    yield '<option value="error">with errors</option>'
    yield '<option value="warning">with warnings</option>'
    yield '<option value="note">with notes</option>'
    yield '<option value="clean">without any</option></select>'
    yield '<p id="count" role="status"></p>'
    yield "</div>"
    yield "<ol>"
    for section in graph.sections:
        title = text(f"{section.namespace}/{section.title}")
        yield f'<li><a href="#{section.id}"><span>{title}</span>{_tags(section.findings)}</a></li>'
    if graph.findings:
        yield f'<li><a href="#others"><span>Elsewhere</span>{_tags(graph.findings)}</a></li>'
    yield "</ol>"
    yield "</nav>"


def _tags(findings: tuple[Finding, ...]) -> str:
    found = []
    for severity in SEVERITIES:
        count = sum(each.severity == severity for each in findings)
        if count:
            said = plural(count, severity)
            found.append(
                f'<span class="tag {severity}"><span aria-hidden="true">{SYMBOLS[severity]} '
                f'{count}</span><span class="skip">{said}</span></span>'
            )
    return f"<span>{' '.join(found)}</span>" if found else ""


def _main(graph: Graph) -> Iterator[str]:
    yield '<main id="main">'
    yield '<ul class="legend" aria-label="Arrows">'
    for kind, said in _LEGEND:
        yield f'<li class="{kind}"><i></i>{said}</li>'
    yield "<li>dashed box: named, but not among what was read</li>"
    yield "</ul>"
    if not graph.sections:
        yield "<p>Nothing that serves a model was found.</p>"
    for section in graph.sections:
        yield from _section(section)
    if graph.findings:
        yield '<section id="others" aria-labelledby="others-title">'
        yield '<h2 id="others-title">Elsewhere</h2>'
        yield "<p>Findings about what is drawn nowhere.</p>"
        yield from _findings(ordered(graph.findings))
        yield "</section>"
    yield "</main>"


def _section(section: Section) -> Iterator[str]:
    place = layout(section)
    levels: list[str] = sorted({each.severity for each in section.findings})
    told = text(_searched(section))
    yield (
        f'<section id="{section.id}" aria-labelledby="{section.id}t" data-text="{told}" '
        f'data-levels="{" ".join(levels) or "clean"}">'
    )
    yield "<header>"
    namespace = text(section.namespace)
    yield f'<h2 id="{section.id}t"><small>{namespace}/</small>{text(section.title)}</h2>'
    yield _tags(section.findings)
    yield "</header>"
    yield f'<p class="summary">{text(" · ".join(section.summary))}</p>'
    label = text(f"Drawing of {section.title}")
    focus = f' tabindex="0" role="region" aria-label="{label}"' if place.width > _WIDE else ""
    yield f'<div class="scroll"{focus}>'
    wide = " wide" if place.width > _WIDE else ""
    width, height = f"{place.width:.0f}", f"{place.height:.0f}"
    yield (
        f'<svg class="drawing{wide}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="{text(f"Parts of {section.title}")}">'
    )
    yield heads(section.id)
    yield from drawing(section, place, linked=True)
    yield "</svg>"
    yield "</div>"
    yield from _findings(section.findings)
    yield "<details>"
    yield f"<summary>All {len(section.nodes)} parts in words</summary>"
    for box in sorted(place.boxes, key=lambda each: (each.y, each.x)):
        yield from _article(section, box.node)
    yield "</details>"
    yield "</section>"


def _searched(section: Section) -> str:
    """All that a search finds a deployment by."""
    parts = [section.namespace, section.title, *section.summary]
    for node in section.nodes:
        parts += [node.name, node.object, *node.lines, *(value for _, value in node.facts)]
    parts += [each.code for each in section.findings]
    return " ".join(dict.fromkeys(part.lower() for part in parts))


def _findings(findings: tuple[Finding, ...]) -> Iterator[str]:
    if not findings:
        return
    loud = [each for each in findings if each.severity != "note"]
    notes = [each for each in findings if each.severity == "note"]
    if loud:
        yield f'<ul class="findings">{"".join(f"<li>{_finding(each)}</li>" for each in loud)}</ul>'
    if notes:
        yield f"<details><summary>{plural(len(notes), 'note')}</summary>"
        yield f'<ul class="findings">{"".join(f"<li>{_finding(each)}</li>" for each in notes)}</ul>'
        yield "</details>"


def _finding(finding: Finding) -> str:
    place = ":".join(str(part) for part in (finding.file, finding.line) if part is not None)
    where = " ".join(part for part in (finding.object, finding.path) if part)
    also = "".join(
        f"<p>Also {text(each.code)}: {text(each.summary)}.</p>" for each in finding.consequences
    )
    return (
        f'<div class="finding {finding.severity}">'
        f"<strong>{SYMBOLS[finding.severity]} {finding.severity} {text(finding.code)}</strong>"
        f'<p class="place">{text(" ".join(part for part in (place, where) if part))}</p>'
        f"<p>{text(finding.summary)}</p><p>Fix: {text(finding.fix)}</p>{also}</div>"
    )


def _article(section: Section, node: Node) -> Iterator[str]:
    yield f'<article id="{node.id}">'
    yield f"<h3>{text(node.name)}</h3>"
    unread = "" if node.is_read else ", not among what was read"
    yield f"<p>{text(node.heading)} · {text(node.object)}{unread}</p>"
    yield from _findings(ordered(node.findings))
    yield "<dl>"
    for name, value in node.facts:
        yield f"<dt>{text(name)}</dt><dd>{text(value)}</dd>"
    for edge in section.edges:
        if node.id not in (edge.source, edge.target):
            continue
        leaves = edge.source == node.id
        other = section.by_id[edge.target if leaves else edge.source]
        said_of = text(f"{other.heading} {other.name}")
        link = f'<a href="#{other.id}" data-part="{other.id}">{said_of}</a>'
        label = text(edge.label.replace("\n", ", "))
        label = f" {label}" if label else ""
        said = _ARROW_WORDS[edge.kind]
        words = f"{link}{label}" if leaves else f"{link} {said} it{label}"
        yield f"<dt>{said if leaves else 'from'}</dt><dd>{words}</dd>"
    yield "</dl>"
    yield "</article>"
