"""DOT, the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings.terminal import escaped
from cdk8s_inference.graph.model import Edge, Graph, Node, Section, words

_SHAPES = {"picker": "hexagon", "volume": "cylinder", "pool": "box3d", "claim": "note"}
_STYLES = {"asks": "dashed", "events": "dotted", "transfer": "bold", "uses": "solid"}
_COLORS = {"error": "#d1242f", "warning": "#bf8700"}


def written(graph: Graph) -> str:
    """A directed graph: a cluster for each deployment, with one for each pod in it."""
    lines = [
        "digraph served {",
        "  rankdir=TB; compound=true; fontname=Helvetica;",
        '  node [shape=box, style="rounded", fontname=Helvetica, fontsize=11];',
        "  edge [fontname=Helvetica, fontsize=10];",
        *(line for each in graph.sections for line in _section(each)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"  subgraph cluster_{section.id} {{"
    yield f"    label={_quoted(f'{section.namespace}/{section.title}')};"
    pods: dict[str, list[Node]] = {}
    for node in section.nodes:
        pods.setdefault(node.pod or node.id, []).append(node)
    for nodes in pods.values():
        if len(nodes) == 1:
            yield f"    {_node(nodes[0])}"
            continue
        yield f"    subgraph cluster_{nodes[0].id}p {{"
        yield '      label="pod"; style=dashed;'
        yield from (f"      {_node(node)}" for node in nodes)
        yield "    }"
    yield from (f"    {_edge(edge)}" for edge in section.edges)
    yield "  }"


def _node(node: Node) -> str:
    label = "\n".join(part for part in (node.name, node.heading, *node.lines, node.mark) if part)
    tooltip = "\n".join((node.object, *map(words, node.findings)))
    given = [f"label={_quoted(label)}", f"tooltip={_quoted(tooltip)}"]
    if node.kind in _SHAPES:
        given.append(f"shape={_SHAPES[node.kind]}")
    if node.worst in _COLORS:
        given += [f'color="{_COLORS[node.worst]}"', "penwidth=3"]
    elif not node.is_read:
        given.append('style="rounded,dashed"')
    return f"{node.id} [{', '.join(given)}];"


def _edge(edge: Edge) -> str:
    given = [f"label={_quoted(edge.label)}"] if edge.label else []
    if edge.kind in _STYLES:
        given.append(f"style={_STYLES[edge.kind]}")
    if edge.kind == "uses":
        given.append("dir=none")
    if edge.kind in ("transfer", "events"):
        given.append("constraint=false")
    told = f" [{', '.join(given)}]" if given else ""
    return f"{edge.source} -> {edge.target}{told};"


def _quoted(text: str) -> str:
    """A quoted string, in which a backslash starts Graphviz's escapes."""
    lines = (
        escaped(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
        for line in text.split("\n")
    )
    return '"' + "\\n".join(lines) + '"'
