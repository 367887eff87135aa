"""Where the parts of a deployment are drawn: in layers, from the gateway down to devices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cdk8s_inference.graph.model import Edge, Node, NodeKind, Section

_LAYERS: dict[NodeKind, int] = {
    "gateway": 0,
    "route": 1,
    "service": 2,
    "pool": 3,
    "proxy": 3,
    "picker": 3,
    "sidecar": 4,
    "engine": 5,
    "claim": 6,
    "volume": 6,
}
"""The layers, in the order in which a request meets them: what each kind stands in."""

_LINE = 15.0
_TITLE = 17.0
_PADDING = 9.0
_CHARACTER = 7.3
"""The width of a character of 12 px, on average."""
_MARKED = 7.9
"""The width of one that is bold, as findings are marked."""
_BOLD = 8.4
"""The width of one of a name."""
_COLUMNS = 28
"""Characters of a line, at most; longer ones are wrapped."""
_GAP = 36.0
"""Between parts of a layer."""
_BETWEEN = 58.0
"""Between layers, with the label of one line."""
_ARC = 26.0
"""Of an arrow that goes below the parts of its layer."""
_MARGIN = 24.0


@dataclass(frozen=True)
class Box:
    """A part in its place.

    Attributes:
        node: The part.
        x: Its left edge.
        y: Its upper edge.
        width: Its width.
        height: Its height.
        name: Its name in lines.
        lines: What is shown below that, in lines.
        mark: Its findings in short, in lines.
    """

    node: Node
    x: float
    y: float
    width: float
    height: float
    name: tuple[str, ...]
    lines: tuple[str, ...]
    mark: tuple[str, ...]

    @property
    def center(self) -> float:
        """The middle between its left and right edge."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class Line:
    """An arrow in its place.

    Attributes:
        edge: The arrow.
        path: Where it goes, as a path of SVG.
        x: The middle of its label.
        y: The first line of its label.
        label: Its label in lines.
    """

    edge: Edge
    path: str
    x: float
    y: float
    label: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """A pod around its parts.

    Attributes:
        x: Its left edge.
        y: Its upper edge.
        width: Its width.
        height: Its height.
    """

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """A deployment in its place.

    Attributes:
        width: Of all of it.
        height: Of all of it.
        boxes: Its parts, in the order in which a request meets them.
        lines: Its arrows.
        frames: Its pods that have several parts.
    """

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    frames: tuple[Frame, ...]


def layout(section: Section) -> Layout:
    """Lays a deployment out: engines side by side, everything else above or below its own."""
    layers = _layers(section)
    spread = _spread(section, layers)
    sizes = {node.id: _box(node) for node in section.nodes}
    gaps = _gaps(section, layers)
    left = _positions(section, layers, sizes, gaps, spread)
    shift = _MARGIN - min(left.values(), default=0.0)
    boxes: dict[str, Box] = {}
    y = _MARGIN
    labels = [_label_lines(section, layers, above) for above in range(len(layers))]
    arcs = [_arcs(section, layer, left) for layer in layers]
    for index, layer in enumerate(layers):
        tallest = max(sizes[node.id].height for node in layer)
        for node in layer:
            boxes[node.id] = replace(sizes[node.id], x=left[node.id] + shift, y=y)
        y += tallest + _BETWEEN + max(0, labels[index] - 1) * 13 + arcs[index] * _ARC
    lowest = max((box.y + box.height for box in boxes.values()), default=0.0)
    at = {node.id: index for index, layer in enumerate(layers) for node in layer}
    lines, depth = _lines(section, boxes, at)
    frames = _frames(tuple(boxes.values()))
    rights = [box.x + box.width for box in boxes.values()]
    rights += [line.x + len(part) * 3.2 for line in lines for part in line.label]
    width = max(rights, default=0.0)
    return Layout(
        width + _MARGIN,
        max(lowest, depth) + _MARGIN,
        tuple(boxes.values()),
        tuple(lines),
        tuple(frames),
    )


def _layers(section: Section) -> list[list[Node]]:
    found: dict[int, list[Node]] = defaultdict(list)
    for node in section.nodes:
        found[_LAYERS[node.kind]].append(node)
    # A picker without a pool or a proxy beside it, as one that is asked by a Service.
    return [found[layer] for layer in sorted(found)]


def _label_lines(section: Section, layers: Sequence[Sequence[Node]], above: int) -> int:
    """How many lines the labels of arrows have that leave a layer downwards."""
    at = {node.id: index for index, layer in enumerate(layers) for node in layer}
    counts = [
        edge.label.count("\n") + 1
        for edge in section.edges
        if edge.label
        and at[edge.source] != at[edge.target]
        and max(at[edge.source], at[edge.target]) - 1 == above
    ]
    return max(counts, default=0)


def _arcs(section: Section, layer: Sequence[Node], left: Mapping[str, float]) -> int:
    """How many arrows within a layer go below the parts between their ends."""
    own = {node.id for node in layer}
    return sum(
        edge.source in own
        and edge.target in own
        and any(_is_between(left[edge.source], left[each], left[edge.target]) for each in own)
        for edge in section.edges
    )


def _is_between(one: float, x: float, other: float) -> bool:
    return min(one, other) < x < max(one, other)


def _box(node: Node) -> Box:
    name = tuple(_wrapped(node.name, _COLUMNS - 4))
    lines = (node.heading, *(part for line in node.lines for part in _wrapped(line, _COLUMNS)))
    mark = tuple(_wrapped(node.mark, _COLUMNS))
    texts = ((name, _BOLD), (lines, _CHARACTER), (mark, _MARKED))
    widest = max(max(map(len, each), default=0) * character for each, character in texts)
    width = max(120.0, widest + 2 * _PADDING + 14)
    height = len(name) * _TITLE + (len(lines) + len(mark)) * _LINE + 2 * _PADDING
    return Box(node, 0, 0, width, height, name, lines, mark)


def _wrapped(text: str, columns: int) -> list[str]:
    """A text in at most three lines; names are broken after hyphens, slashes and dots."""
    if len(text) <= columns:
        return [text] if text else []
    found: list[str] = []
    rest = text
    while len(rest) > columns and len(found) < 2:
        cut = max(rest.rfind(mark, 0, columns) for mark in "-/._ :") + 1
        cut = cut if cut > columns // 3 else columns
        found.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*found, rest if len(rest) <= columns else f"{rest[: columns - 1]}…"]


def _spread(section: Section, layers: Sequence[Sequence[Node]]) -> int:
    """The layer that is laid out first: that of the most parts that stand side by side."""
    kinds = [layer[0].kind for layer in layers]
    return kinds.index("engine") if "engine" in kinds else 0


def _gaps(section: Section, layers: Sequence[Sequence[Node]]) -> dict[tuple[str, str], float]:
    """How far parts of a layer are apart that an arrow with a label joins."""
    at = {node.id: index for index, layer in enumerate(layers) for node in layer}
    found: dict[tuple[str, str], float] = {}
    for edge in section.edges:
        if at[edge.source] == at[edge.target]:
            widest = max(map(len, edge.label.split("\n")))
            gap = max(_GAP, widest * 6.0 + 30)
            found[edge.source, edge.target] = found[edge.target, edge.source] = gap
    return found


def _positions(
    section: Section,
    layers: list[list[Node]],
    sizes: dict[str, Box],
    gaps: dict[tuple[str, str], float],
    start: int,
) -> dict[str, float]:
    """The left edge of each part."""
    left: dict[str, float] = {}
    if not layers:
        return left
    x = 0.0
    for index, node in enumerate(layers[start]):
        if index:
            x += gaps.get((layers[start][index - 1].id, node.id), _GAP)
        left[node.id] = x
        x += sizes[node.id].width
    beside: dict[str, list[str]] = defaultdict(list)
    for edge in section.edges:
        beside[edge.source].append(edge.target)
        beside[edge.target].append(edge.source)
    at = {node.id: index for index, layer in enumerate(layers) for node in layer}
    for index in (*range(start - 1, -1, -1), *range(start + 1, len(layers))):
        _place(layers[index], at, beside, sizes, gaps, left)
    return left


def _place(
    layer: list[Node],
    at: dict[str, int],
    beside: dict[str, list[str]],
    sizes: dict[str, Box],
    gaps: dict[tuple[str, str], float],
    left: dict[str, float],
) -> None:
    """Places a layer: each part near the middle of those that it is joined with."""
    wanted: dict[str, float] = {}
    joined: list[str] = []
    for node in sorted(layer, key=lambda each: each.kind == "picker"):
        placed = [each for each in beside[node.id] if each in left and at[each] != at[node.id]]
        # Over its own engine, not between those that it asks.
        own = [each for each in placed if node.pod and sizes[each].node.pod == node.pod]
        if node.kind == "sidecar" and own:
            placed = own
        near = [wanted[each] for each in beside[node.id] if each in wanted]
        if node.kind == "picker" and near:
            wanted[node.id] = max(near) + 0.5  # Right of what asks it.
        elif placed:
            joined.append(node.id)
            centers = [left[each] + sizes[each].width / 2 for each in placed]
            wanted[node.id] = sum(centers) / len(centers)
    for node in layer:
        if node.id not in wanted:
            near = [wanted[each] for each in beside[node.id] if each in wanted]
            wanted[node.id] = max(near, default=0.0) + 0.7
    layer.sort(key=lambda node: wanted[node.id])
    end: float | None = None
    previous: Node | None = None
    for node in layer:
        x = wanted[node.id] - sizes[node.id].width / 2
        if end is not None and previous is not None:
            x = max(x, end + gaps.get((previous.id, node.id), _GAP))
        left[node.id] = x
        end = x + sizes[node.id].width
        previous = node
    # Together back over the middle: placing from the left has pushed them to the right.
    moved = [left[each] + sizes[each].width / 2 - wanted[each] for each in (joined or list(wanted))]
    drift = sum(moved) / len(moved)
    for node in layer:
        left[node.id] -= drift


def _lines(section: Section, boxes: dict[str, Box], at: dict[str, int]) -> tuple[list[Line], float]:
    """The arrows, and how far down the lowest of them goes."""
    down = [edge for edge in section.edges if at[edge.source] != at[edge.target]]
    starts = _ports(down, boxes, "source")
    ends = _ports(down, boxes, "target")
    lines, depth = [], 0.0
    arcs = 0
    for edge in section.edges:
        source, target = boxes[edge.source], boxes[edge.target]
        label = tuple(line for line in edge.label.split("\n") if line)
        if at[edge.source] == at[edge.target]:
            between = [
                box
                for box in boxes.values()
                if at[box.node.id] == at[edge.source] and _is_between(source.x, box.x, target.x)
            ]
            if not between:
                lines.append(_across(edge, source, target, label))
                continue
            arcs += 1
            bottom = (
                max(box.y + box.height for box in (source, target, *between)) + 14 + _ARC * arcs
            )
            depth = max(depth, bottom + 14)
            a, b = source.center, target.center
            path = (
                f"M{a:.0f},{source.y + source.height:.0f} C{a:.0f},{bottom:.0f} "
                f"{b:.0f},{bottom:.0f} {b:.0f},{target.y + target.height:.0f}"
            )
            flat = (" · ".join(label),) if label else ()
            lines.append(Line(edge, path, (a + b) / 2, bottom - 6, flat))
            continue
        downwards = at[edge.source] < at[edge.target]
        ax, bx = starts[id(edge)], ends[id(edge)]
        ay = source.y + source.height if downwards else source.y
        by = target.y if downwards else target.y + target.height
        bend = (by - ay) / 2
        path = (
            f"M{ax:.0f},{ay:.0f} C{ax:.0f},{ay + bend:.0f} "
            f"{bx:.0f},{by - bend:.0f} {bx:.0f},{by:.0f}"
        )
        # Near its end, where arrows from one part have parted.
        share = 0.5 if abs(ax - bx) < 30 else 0.68
        x = _bezier(ax, ax, bx, bx, share)
        y = _bezier(ay, ay + bend, by - bend, by, share)
        lines.append(Line(edge, path, x, y - 6.5 * (len(label) - 1) + 4, label))
    return lines, depth


def _across(edge: Edge, source: Box, target: Box, label: tuple[str, ...]) -> Line:
    rightwards = source.x < target.x
    ax = source.x + source.width if rightwards else source.x
    bx = target.x if rightwards else target.x + target.width
    y = max(source.y, target.y) + min(source.height, target.height) / 2
    path = f"M{ax:.0f},{y:.0f} L{bx:.0f},{y:.0f}"
    # Above the arrow: one below the other.
    return Line(edge, path, (ax + bx) / 2, y - 8 - 13 * (len(label) - 1), label)


def _bezier(a: float, b: float, c: float, d: float, t: float) -> float:
    u = 1 - t
    return u**3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t**3 * d


def _ports(edges: Sequence[Edge], boxes: dict[str, Box], side: str) -> dict[int, float]:
    """Where arrows touch their parts: side by side, in the order of their other ends."""
    other = "target" if side == "source" else "source"
    found: dict[int, float] = {}
    groups: dict[tuple[str, bool], list[Edge]] = defaultdict(list)
    for edge in edges:
        below = boxes[getattr(edge, other)].y > boxes[getattr(edge, side)].y
        groups[getattr(edge, side), below].append(edge)
    for (name, _), own in groups.items():
        box = boxes[name]
        own.sort(key=lambda edge: boxes[getattr(edge, other)].center)
        for index, edge in enumerate(own):
            found[id(edge)] = box.x + box.width * (index + 1) / (len(own) + 1)
    return found


def _frames(boxes: Sequence[Box]) -> list[Frame]:
    pods: dict[str, list[Box]] = defaultdict(list)
    for box in boxes:
        if box.node.pod:
            pods[box.node.pod].append(box)
    found = []
    for own in pods.values():
        if len(own) > 1:
            x, y = min(box.x for box in own) - 10, min(box.y for box in own) - 10
            right = max(box.x + box.width for box in own) + 10
            bottom = max(box.y + box.height for box in own) + 10
            found.append(Frame(x, y, right - x, bottom - y))
    return found
