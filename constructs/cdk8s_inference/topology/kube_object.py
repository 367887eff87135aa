"""Kubernetes objects as they were written, and values that know where they were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from cdk8s_inference.findings import Path, PathPart, Place, field_path
from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology.namespaces import CLUSTER_SCOPED, inferred_namespaces

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


@dataclass(frozen=True, eq=False)
class KubeObject:
    """One object of a document; a ``List`` holds several.

    Attributes:
        document: What it was read from.
        root: Where it starts in the document.
        home: The namespace that it goes to where it names none.
    """

    document: Document
    root: Cursor
    home: str = "default"

    @cached_property
    def kind(self) -> str:
        """Its kind; empty where that is missing."""
        return self.root["kind"].text or ""

    @cached_property
    def group(self) -> str:
        """Its API group; empty for the core group."""
        return (self.root["apiVersion"].text or "").rpartition("/")[0]

    @cached_property
    def version(self) -> str:
        """The version of its API, such as ``v1beta1``; empty where that is missing."""
        return (self.root["apiVersion"].text or "").rpartition("/")[2]

    @cached_property
    def name(self) -> str:
        """Its name; empty where that is missing."""
        return self.root.at("metadata", "name").text or ""

    @cached_property
    def namespace(self) -> str:
        """Its namespace; where none is written, the one that it is applied to."""
        return self.root.at("metadata", "namespace").text or self.home

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return strings(self.root.at("metadata", "labels"))

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        return strings(self.root.at("metadata", "annotations"))

    def __str__(self) -> str:
        if self.kind in CLUSTER_SCOPED and not self.root.at("metadata", "namespace").text:
            return f"{self.kind} {self.name}"
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def written(self) -> KubeObject:
        """The object that a person wrote: itself, or what a controller makes it of."""
        return self

    def at(self, *keys: PathPart) -> Cursor:
        """A place in it."""
        return self.root.at(*keys)

    def value_at(self, cursor: Cursor, value: U) -> SourceValue[U]:
        """What is read at a place."""
        return SourceValue(value, self, cursor.path)

    @property
    def here(self) -> SourceValue[str]:
        """The object's name, as a place for what is about the whole of it."""
        return self.value_at(self.at("metadata", "name"), self.name)

    def text(self, cursor: Cursor) -> SourceValue[str] | None:
        """The string at a place, if there is one."""
        return None if cursor.text is None else self.value_at(cursor, cursor.text)

    def number(self, cursor: Cursor) -> SourceValue[int] | None:
        """The integer at a place, if there is one."""
        value = cursor.value
        if isinstance(value, int) and not isinstance(value, bool):
            return self.value_at(cursor, value)
        return None

    def amount(self, cursor: Cursor) -> SourceValue[int | str] | None:
        """The integer or string at a place, such as ``1`` or ``25%``, if there is one."""
        return self.number(cursor) or self.text(cursor)


@dataclass(frozen=True, eq=False)
class SourceValue(Generic[T_co]):
    """A value, and where it was written or, for a default, where it would be.

    Attributes:
        value: The value.
        object: The object that it is written in.
        path: Its path in the object's document.
    """

    value: T_co
    object: KubeObject
    path: Path

    @property
    def place(self) -> Place:
        """Where that is, for people."""
        document = self.object.document
        within = self.path[len(self.object.root.path) :]
        line = document.line(self.path)
        return Place(str(self.object), field_path(within), document.file, line)

    def of(self, value: U) -> SourceValue[U]:
        """Another value that is read from the same place."""
        return SourceValue(value, self.object, self.path)


@dataclass(frozen=True)
class Unread:
    """What could not be read, so that rules about it say nothing.

    Attributes:
        what: The place, and what stands there.
        why: Why it could not be read, or was read in part.
        in_part: Whether some of it was read; ``why`` says what then.
    """

    what: SourceValue[str]
    why: str
    in_part: bool = False

    @property
    def message(self) -> str:
        """All of it as a sentence."""
        return self.why if self.in_part else f"{self.what.value!r} was not read: {self.why}"


def whole_number(text: str) -> int | None:
    """A number that a program would take: digits alone, and not too many of them."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def share(amount: int | str, total: int) -> int | None:
    """What a number or a percentage is of a total, rounded up; None for what is neither."""
    if isinstance(amount, int):
        return amount
    number = whole_number(amount.removesuffix("%"))
    if number is None or not amount.endswith("%"):
        return number
    return -(-number * total // 100)


def strings(cursor: Cursor) -> dict[str, str]:
    """The entries of a mapping of strings; others are left out."""
    return {key: child.text for key, child in cursor.fields() if child.text is not None}


def kube_objects(documents: Iterable[Document]) -> list[KubeObject]:
    """The Kubernetes objects of documents; those of a ``List``, and of Crossplane's, one by one.

    Where they name no namespace, it is that of the objects that they belong to.
    """
    found = list(_placed(documents))
    homes = inferred_namespaces(found)
    return [
        KubeObject(document, root, home)
        for (document, root), home in zip(found, homes, strict=True)
    ]


def _placed(documents: Iterable[Document]) -> Iterator[tuple[Document, Cursor]]:
    for document in documents:
        root = Cursor(document.data)
        if not isinstance(document.data, Mapping):
            continue
        if (root["kind"].text or "").endswith("List") and isinstance(root["items"].value, list):
            yield from ((document, item) for item in root["items"].items())
            continue
        yield document, root
        found = KubeObject(document, root)
        if found.kind == "Object" and found.group.endswith("crossplane.io"):
            yield document, found.at("spec", "forProvider", "manifest")
