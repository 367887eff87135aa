"""A text of YAML or JSON documents, with the line of every field, read within fixed bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from cdk8s_inference.findings import Finding, Path, field_path

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of one file. An API server takes no object over 3 MiB; a file may hold many."""

MAX_NODES = 200_000
"""Values of one file, aliases expanded. The largest ModelDeployments known have about 400."""

MAX_DEPTH = 64
"""Nesting of one document. A ModelDeployment has 14 levels."""

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


@dataclass(frozen=True)
class Document:
    """One document of a source.

    Attributes:
        data: Its plain data.
        file: The file it came from.
    """

    data: Any
    file: str | None = None
    _lines: dict[Path, int] = field(default_factory=dict, repr=False)

    def line(self, path: Path) -> int | None:
        """The line of the field at ``path``, or of its nearest parent that was written."""
        for length in range(len(path), -1, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return None

    def locate(self, finding: Finding, path: Path) -> Finding:
        """The finding, placed at the line of ``path``."""
        return finding.at(self.file, self.line(path))


def read(content: bytes, file: str | None = None) -> tuple[list[Document], list[Finding]]:
    """The documents of a file's content, and what is wrong with it as a text.

    Never raises for bad content, and holds memory and time within the limits of this module.
    Empty documents are passed over; a content with none at all is a finding.
    """
    try:
        return _documents(content, file), []
    except _Unreadable as problem:
        return [], [problem.finding.at(file, problem.line)]


class _Unreadable(Exception):
    def __init__(self, code: str, message: str, fix: str, line: int | None = None) -> None:
        super().__init__(message)
        self.finding = Finding(code, "error", "", message, fix)
        self.line = line


class _Loader(yaml.CSafeLoader):
    """Safe YAML as Kubernetes' tools read it: a date is a string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _documents(content: bytes, file: str | None) -> list[Document]:
    text = _text(content)
    # JSON is YAML but for its surrogate pairs, so its places are read with those blanked out.
    data = _json(text)
    loader_text = text if data is None else _SURROGATE_ESCAPE.sub(r"\\u0041", text)
    try:
        _bound_events(loader_text)
        documents = []
        loader = _Loader(loader_text)
        try:
            while loader.check_node():
                node = loader.get_node()
                if node is None or node.tag.endswith(":null"):
                    continue
                lines: dict[Path, int] = {}
                _bound_expansion(node)
                _walk(node, (), lines)
                value = loader.construct_document(node) if data is None else data
                documents.append(Document(value, file, lines))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(part for part in (error.context, error.problem) if part)
        raise _Unreadable(
            "D001", f"not YAML: {reason}", "correct the syntax", mark.line + 1 if mark else None
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise _Unreadable("D001", f"not YAML: {reason}", "correct the syntax") from None
    if not documents:
        raise _Unreadable("D001", "holds no document", "write a ModelDeployment into it")
    return documents


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _Unreadable(
            "D002", f"larger than {MAX_BYTES} bytes", "split the file; give the parts one by one"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _Unreadable(
            "D001",
            f"not UTF-8 text: byte 0x{content[error.start]:02x} at offset {error.start}",
            "give a YAML or JSON file, encoded as UTF-8",
            line,
        ) from None
    return text


def _json(text: str) -> Any | None:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _bound_events(text: str) -> None:
    """Refuses what is too deep or too long before any of it is built."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, (yaml.CollectionStartEvent, yaml.ScalarEvent, yaml.AliasEvent)):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            limit = f"{MAX_DEPTH} levels" if depth > MAX_DEPTH else f"{MAX_NODES} values"
            raise _Unreadable(
                "D002",
                f"more than {limit}",
                "a ModelDeployment is far smaller: look for generated or foreign content",
                _line(event),
            )


def _bound_expansion(root: yaml.Node) -> None:
    """Refuses aliases that stand for themselves, or for more values than a document may have."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        key = id(node)
        if key in sizes:
            return sizes[key]
        if key in open_nodes:
            line = _line(node)
            raise _Unreadable("D002", "an alias contains itself", "write the value out", line)
        open_nodes.add(key)
        total = 1 + sum(size(child) for child in _children(node))
        open_nodes.remove(key)
        if total > MAX_NODES:
            line = _line(node)
            raise _Unreadable(
                "D002", f"aliases expand to more than {MAX_NODES} values", "write fewer", line
            )
        sizes[key] = total
        return total

    size(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    for child in node.value:
        if isinstance(child, tuple):
            yield from child
        else:
            yield child


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int]) -> None:
    """Records each field's line; refuses keys that are no strings or stand twice."""
    lines.setdefault(path, _line(node))
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*path, index), lines)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, child in node.value:
            line = _line(key)
            if key.tag.endswith(":merge"):
                continue
            if not key.tag.endswith(":str"):
                raise _Unreadable(
                    "D003",
                    f"{field_path(path) or 'document'}: key {key.value!r:.60} is not a string",
                    "quote the key",
                    line,
                )
            if key.value in seen:
                raise _Unreadable(
                    "D003",
                    f"{field_path(path) or 'document'}: key {key.value!r:.60} stands twice, "
                    f"first on line {seen[key.value]}",
                    "keep one of them",
                    line,
                )
            seen[key.value] = line
            child_path = (*path, key.value)
            lines[child_path] = line
            _walk(child, child_path, lines)


def _line(mark: yaml.Node | yaml.Event) -> int:
    return (mark.start_mark.line if mark.start_mark else 0) + 1
