"""A text of YAML or JSON documents, with the line of every field, read within fixed bounds.

Values are composed straight from the parser's events: what is too much is refused before it is
built, and an alias shares the value that it stands for. Scalars mean what sigs.k8s.io/yaml, and
so kubectl, makes of them, which is neither YAML 1.1 nor 1.2: ``y`` is true, ``1:30`` a string.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from cdk8s_inference.findings import Finding, InvalidInput, Path, PathPart, Place, field_path, shown
from cdk8s_inference.findings.example import python, rewritten
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.source.crd_schemas import without_schemas
from cdk8s_inference.source.document import Document, Node
from cdk8s_inference.source.scalar import CORE_TAG, foreign_tag, scalar
from cdk8s_inference.source.unreadable import D001, D002, FILE_RULES, Unreadable, malformed

MAX_FILE = 64 * 1024 * 1024
"""Bytes of one file, of which the most may be schemas of CRDs, which are not read."""

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of one file beside these. An API server takes no object over 3 MiB; a file holds many."""

MAX_TEXT = 2 * MAX_BYTES
"""Characters of the keys and values of one file, aliases expanded."""

MAX_NODES = 1_000_000
"""Keys and values of one file, aliases expanded. A list of pods of 8 MiB has 300,000."""

MAX_ALIASED = 200_000
"""Keys and values that aliases add to one file. A ModelDeployment has 400 in all."""

MAX_DEPTH = 64
"""Nesting of one document, aliases expanded. A ModelDeployment has 14 levels."""

D003 = FILE_RULES.declare(
    "D003",
    "error",
    "A mapping has a duplicate key, or a key that is not a string",
    why="YAML readers disagree on which of two equal keys is used, and most do not report it.",
    evidence="The YAML specification requires unique keys. JSON, which the API server stores, has "
    "string keys only.",
    fix="keep one of the two keys; quote a key that YAML reads as a number or a boolean",
    example=rewritten("unified", "replicas: 1\n", "replicas: 1\n  replicas: 2\n"),
)

D012 = FILE_RULES.declare(
    "D012",
    "error",
    "The file holds several documents, and one is expected",
    why="A construct is composed from one document. Which of them is meant is not known.",
    evidence="ModelDeployment.from_file and ServingStack.from_file take one document.",
    fix="use a file with one document; cdk8s-inference synth accepts several",
    example=python(
        """\
from pathlib import Path

texts = [Path(name).read_text() for name in ("unified.yaml", "multi-node.yaml")]
Path("all.yaml").write_text("---\\n".join(texts))
ModelDeployment.from_file(App(), "all", "all.yaml")
""",
        """\
app = App()
for name in ("unified", "multi-node"):
    ModelDeployment.from_file(app, name, f"{name}.yaml")
""",
    ),
)


def read(
    content: bytes,
    file: str | None = None,
    *,
    may_be_empty: bool = False,
    with_schemas: bool = False,
) -> tuple[list[Document], list[Finding]]:
    """The documents of a file's content, or why it cannot be read.

    Never raises for bad content, and holds memory and time within the limits of this module.
    Empty documents are passed over; a content with none at all is a finding, unless it may be
    empty, as a rendered file in which everything is switched off. The schemas of CRDs are left out
    unless they are asked for.
    """
    try:
        documents = list(_documents(content, file, with_schemas=with_schemas))
        if not documents and not may_be_empty:
            raise Unreadable(D001, "the file holds no document", "write one, or leave the file out")
        return documents, []
    except Unreadable as problem:
        return [], [problem.finding(file)]


def single(path: str | os.PathLike[str]) -> Document:
    """The one document of a file.

    Raises:
        InvalidInput: It is not readable as documents, or holds another number of them.
        OSError: The file cannot be read.
    """
    file = os.fspath(path)
    with open(file, "rb") as stream:
        documents, findings = read(stream.read(MAX_FILE + 1), file)
    if len(documents) != 1 and not findings:
        findings = [
            D012.finding(
                Violation(
                    Place("", "", file),
                    f"the file holds {len(documents)} documents, and one is expected",
                )
            )
        ]
    if findings:
        raise InvalidInput(findings)
    return documents[0]


def _documents(
    content: bytes, file: str | None, *, with_schemas: bool = False
) -> Iterator[Document]:
    text = _text(content, with_schemas=with_schemas)
    data = _large_data(text)
    if data is not None:
        yield Document(data, file)
        return
    composer = _Composer(text, file)
    try:
        for root in composer.roots():
            findings = composer.take_findings()
            if root.value is not None:
                yield Document(root.value, file, findings, root)
    except yaml.reader.ReaderError as error:
        # Its position counts bytes of the text that it was given.
        before = text.encode()[: error.position]
        raise malformed(
            f"character U+{error.character:04X} is not allowed",
            before.count(b"\n") + 1,
            "use a text file; escape the character in a quoted string",
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(part for part in (error.context, error.problem) if part)
        raise malformed(reason, mark.line + 1 if mark else None) from None


def _text(content: bytes, *, with_schemas: bool) -> str:
    """The content as a text that a YAML parser takes."""
    if len(content) > (MAX_FILE if b"openAPIV3Schema" in content else MAX_BYTES):
        raise _too_large()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(
            D001,
            f"the file is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}",
            "use a YAML or JSON file, encoded as UTF-8",
            content[: error.start].count(b"\n") + 1,
        ) from None
    whole = len(text)
    if not with_schemas:
        text = without_schemas(text)
    if len(content) - (whole - len(text)) > MAX_BYTES:
        raise _too_large()
    if directive := _TAG_DIRECTIVE.search(text):
        line = text.count("\n", 0, directive.end()) + 1
        raise malformed("%TAG directives are not supported", line, "remove the directive")
    return _json_as_yaml(text)


def _too_large() -> Unreadable:
    message = f"the file is larger than {MAX_BYTES} bytes, schemas of CRDs aside"
    return Unreadable(D002, message, "split the file")


_TAG_DIRECTIVE = re.compile("(?:^|[\n\r\x85\u2028\u2029])%TAG")
"""libyaml compares each with every other: a file of them would take hours."""

_PAIR = r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
_JSON_ALONE = re.compile(rf"{_PAIR}|\\.|([\x7f-\x9f\u2028\u2029])", re.DOTALL)


def _json_as_yaml(text: str) -> str:
    """JSON is YAML but for two things in its strings, which are spelled otherwise here.

    A character beyond 16 bits is a pair of escapes, and YAML's line breaks are characters.
    """
    if not text.lstrip().startswith("{") or not _JSON_ALONE.search(text):
        return text
    try:
        json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return text
    return _JSON_ALONE.sub(_yaml_spelling, text)


def _yaml_spelling(match: re.Match[str]) -> str:
    high, low, raw = match.groups()
    if high:
        return f"\\U{0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF):08x}"
    return f"\\u{ord(raw):04x}" if raw else match[0]


def _large_data(text: str) -> Any:
    """A large JSON text that cannot be an object of Kubernetes, such as an image; else None.

    It is read without the lines of its values: only what has a kind is ever told of.
    """
    if len(text) < _LARGE or text.lstrip()[:1] not in ("{", "[") or "kind" in text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_LARGE = 64 * 1024

_NO_CHILDREN: Mapping[PathPart, Node] = {}

_OF_EVERY_OBJECT = ("apiVersion", "kind", "metadata")


class _Composer:
    """Composes the documents of a text, and collects what is wrong with their keys."""

    def __init__(self, text: str, file: str | None) -> None:
        self._file = file
        self._next: Callable[[], Any] = yaml.CSafeLoader(text).get_event
        self._anchors: dict[str, Any] = {}  # An event stands for its node until that is whole.
        self._findings: list[Finding] = []
        self._path: list[PathPart] = []
        self._size = 0
        self._aliased = 0
        self._length = 0

    def roots(self) -> Iterator[Node]:
        """The root of each document."""
        while (event := self._next()) is not None:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
                yield self._node(self._next(), 0)

    def take_findings(self) -> tuple[Finding, ...]:
        """The findings since the last call."""
        found, self._findings = self._findings, []
        at_root = [each for each in found if each.path in _OF_EVERY_OBJECT]
        if not {"apiVersion", "kind"} <= {each.path for each in at_root}:
            return tuple(found)
        # Two objects, and not the fields of one written twice.
        first = min(at_root, key=lambda each: each.line or 0)
        message = "another object begins here, without --- before it"
        place = Place("", "", self._file, first.line)
        fix = "write --- before each object: what follows the first one is not read"
        told = D003.finding(Violation(place, message, fix=fix))
        return (told, *(each for each in found if "." in each.path or "[" in each.path))

    def _node(self, event: Any, depth: int, key_line: int | None = None) -> Node:
        line = event.start_mark.line + 1
        kind = type(event)
        if kind is yaml.AliasEvent:
            node = self._target(str(event.anchor), line)
            self._aliased += node.size
            self._grow(node.size, node.length, depth + node.height, line)
            return node if key_line is None else node.under(key_line)
        before, length_before = self._size, self._length
        if event.anchor:
            self._anchors[event.anchor] = event
        if kind is yaml.ScalarEvent:
            length = len(event.value)
            self._grow(1, length, depth, line)
            node = Node(scalar(event, line), key_line or line, _NO_CHILDREN, 1, length, 0)
        else:
            self._grow(1, 0, depth + 1, line)
            is_list = kind is yaml.SequenceStartEvent
            if event.tag and event.tag not in ("!", f"{CORE_TAG}{'seq' if is_list else 'map'}"):
                raise foreign_tag(event.tag, line)
            value: list[Any] | dict[PathPart, Any]
            if is_list:
                children = self._items(depth + 1)
                value = [child.value for child in children.values()]
            else:
                children = self._entries(depth + 1)
                value = {key: child.value for key, child in children.items()}
            height = 1 + max([child.height for child in children.values()], default=0)
            size, length = self._size - before, self._length - length_before
            node = Node(value, key_line or line, children, size, length, height)
        # Unless a node within took the anchor over: an alias means the nearest before it.
        if event.anchor and self._anchors[event.anchor] is event:
            self._anchors[event.anchor] = node
        return node

    def _target(self, anchor: str, line: int) -> Node:
        node = self._anchors.get(anchor)
        if node is None:
            raise malformed(f"alias *{anchor:.60} has no anchor before it", line)
        if not isinstance(node, Node):
            raise Unreadable(D002, "an alias contains itself", "write the value out", line)
        return node

    def _grow(self, size: int, length: int, depth: int, line: int) -> None:
        self._size += size
        self._length += length
        if depth > MAX_DEPTH:
            limit = f"{MAX_DEPTH} levels"
        elif self._size > MAX_NODES:
            limit = f"{MAX_NODES} keys and values"
        elif self._aliased > MAX_ALIASED:
            limit = f"{MAX_ALIASED} keys and values by aliases"
        elif self._length > MAX_TEXT:
            limit = f"{MAX_TEXT} characters"
        else:
            return
        raise Unreadable(
            D002,
            f"the file has more than {limit}, with aliases expanded",
            "a ModelDeployment is much smaller: look for generated content",
            line,
        )

    def _items(self, depth: int) -> dict[PathPart, Node]:
        items: dict[PathPart, Node] = {}
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            items[len(items)] = self._child(len(items), event, depth)
        return items

    def _entries(self, depth: int) -> dict[PathPart, Node]:
        entries: dict[PathPart, Node] = {}
        merged: dict[PathPart, Node] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._node(event, depth)
            name = key.value if isinstance(key.value, str) else None
            node = self._child(name or "", self._next(), depth, key.line)
            if name is None:
                what = "an object or list" if key.children else shown(key.value)
                self._bad_key((), key.line, f"key {what} is not a string", "quote the key")
            elif name == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                for field_name, child in _merged(node):
                    merged.setdefault(field_name, child)
                    if field_name in entries:
                        # Readers disagree on which of the two counts.
                        reason = "the key is also set by the << that follows it"
                        self._bad_key((field_name,), key.line, reason, "write << before the key")
            elif name in entries:
                reason = f"duplicate key, first on line {entries[name].line}"
                self._bad_key((name,), key.line, reason, "keep one of the two")
            else:
                entries[name] = node
        return {**merged, **entries}

    def _child(self, part: PathPart, event: Any, depth: int, key_line: int | None = None) -> Node:
        self._path.append(part)
        node = self._node(event, depth, key_line)
        self._path.pop()
        return node

    def _bad_key(self, path: Path, line: int, message: str, fix: str) -> None:
        where = field_path((*self._path, *path))
        place = Place("", where, self._file, line)
        self._findings.append(D003.finding(Violation(place, message, fix=fix)))


def _merged(node: Node) -> Iterator[tuple[PathPart, Node]]:
    """The entries that ``<<`` takes from an object or a list of them; the first of a key wins."""
    for source in node.children.values() if isinstance(node.value, list) else (node,):
        if not isinstance(source.value, dict):
            raise malformed("<< merges objects only", source.line, "write the fields out")
        yield from source.children.items()
