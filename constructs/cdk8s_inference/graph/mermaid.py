"""Mermaid, which GitHub and GitLab show in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings.terminal import escaped
from cdk8s_inference.graph.model import Edge, Graph, Node, Section, words

_SHAPES = {
    "gateway": ("[/", "\\]"),
    "route": ("([", "])"),
    "service": ("([", "])"),
    "pool": ("[[", "]]"),
    "picker": ("{{", "}}"),
    "claim": ("[", "]"),
    "volume": ("[(", ")]"),
}
_ARROWS = {"requests": "-->", "asks": "-.->", "transfer": "==>", "events": "-.->", "uses": "---"}

_STYLES = (
    "classDef error stroke:#d1242f,stroke-width:3px",
    "classDef warning stroke:#bf8700,stroke-width:3px",
    "classDef unread stroke-dasharray:5 4",
)


def written(graph: Graph) -> str:
    """A flowchart: a frame for each deployment, and in it one for each pod that has a sidecar."""
    lines = ["flowchart TB", *(line for each in graph.sections for line in _section(each))]
    lines += [f"  {style}" for style in _STYLES]
    for finding in graph.findings:
        lines.append(_comment(words(finding)))
    return "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f'  subgraph {section.id}["{_text(f"{section.namespace}/{section.title}")}"]'
    # Without one of its own, Mermaid turns a frame the other way.
    yield "    direction TB"
    pods: dict[str, list[Node]] = {}
    for node in section.nodes:
        pods.setdefault(node.pod or node.id, []).append(node)
    for nodes in pods.values():
        if len(nodes) == 1:
            yield f"    {_node(nodes[0])}"
            continue
        yield f'    subgraph {nodes[0].id}p["pod"]'
        yield from (f"      {_node(node)}" for node in nodes)
        yield "    end"
    yield from (f"    {_edge(edge)}" for edge in section.edges)
    yield "  end"
    for finding in section.findings:
        yield _comment(words(finding))
    for name in ("error", "warning"):
        marked = [node.id for node in section.nodes if node.worst == name]
        if marked:
            yield f"  class {','.join(marked)} {name}"
    unread = [node.id for node in section.nodes if not node.is_read]
    if unread:
        yield f"  class {','.join(unread)} unread"


def _node(node: Node) -> str:
    start, end = _SHAPES.get(node.kind, ("[", "]"))
    parts = (f"<b>{_text(node.name)}</b>", *map(_text, (node.heading, *node.lines, node.mark)))
    return f'{node.id}{start}"{"<br/>".join(part for part in parts if part)}"{end}'


def _edge(edge: Edge) -> str:
    label = "<br/>".join(_text(line) for line in edge.label.split("\n") if line)
    shown = f'|"{label}"|' if label else ""
    return f"{edge.source} {_ARROWS[edge.kind]}{shown} {edge.target}"


def _text(text: str) -> str:
    """A text within quotes: what means something to Mermaid, Markdown or HTML is an entity."""
    return "".join(
        char if char.isalnum() or char in " -_./:,()" or ord(char) > 127 else f"#{ord(char)};"
        for char in escaped(text)
    )


def _comment(text: str) -> str:
    # A brace after the sign would start a directive.
    return f"  %% {escaped(text)}"
