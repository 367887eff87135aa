"""The part of cdk8s that composing needs, in plain Python: the command line's, without Node.js.

A program in Python composes cdk8s' own constructs, so that its constructs and patches go with
ours. The command line reads documents, to which nobody adds any. Its tree needs no Node.js, whose
start takes longer than composing a deployment, and which is asked some sixty times for each.
Tests hold what both compose against each other, byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")
_used = False


def use() -> None:
    """Has this process compose in plain Python; to be called before anything is composed."""
    global _used
    _used = True


def is_used() -> bool:
    """Whether this process composes in plain Python."""
    return _used


class IConstruct(Protocol):
    """A node of the tree."""

    @property
    def node(self) -> Node:
        """Where it is in the tree."""


class IValidation(Protocol):
    """cdk8s calls it before it renders; here whoever composes checks."""


def implements(*_: type) -> Callable[[type[_T]], type[_T]]:
    """As jsii's decorator, which tells Node.js."""
    return lambda cls: cls


class Node:
    """A construct's place in the tree, as of the package ``constructs``."""

    def __init__(self, host: Construct, scope: Construct | None, id: str) -> None:
        self.id = id
        self.scope = scope
        self._host = host
        self._children: dict[str, Construct] = {}
        if scope is not None:
            siblings = scope.node._children
            if id in siblings:
                raise RuntimeError(f"There is already a construct {id!r} in {scope.node.path!r}")
            siblings[id] = host

    @property
    def scopes(self) -> list[Construct]:
        """The constructs from the root to this one."""
        above = self.scope.node.scopes if self.scope is not None else []
        return [*above, self._host]

    @property
    def root(self) -> Construct:
        """The construct without a scope."""
        return self.scopes[0]

    @property
    def path(self) -> str:
        """The ids from the root to this one."""
        return "/".join(each.node.id for each in self.scopes if each.node.id)

    def find_all(self) -> list[Construct]:
        """The construct and all below it, each before its children."""
        return list(self._walk())

    def _walk(self) -> Iterator[Construct]:
        yield self._host
        for child in self._children.values():
            yield from child.node._walk()

    def add_validation(self, validation: IValidation) -> None:
        """Does nothing: whoever composes checks."""

    def add_dependency(self, *dependencies: IConstruct) -> None:
        """Does nothing: the order of files is the command line's."""


class Construct:
    """A construct."""

    def __init__(self, scope: Construct | None, id: str) -> None:
        self.node = Node(self, scope, id)


class App(Construct):
    """The root of a tree."""

    def __init__(self) -> None:
        super().__init__(None, "")

    def synth(self) -> None:
        """Writes nothing: the command line does."""

    synth_yaml = synth


class Chart(Construct):
    """Objects that go into one file."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        namespace: str | None = None,
        disable_resource_name_hashes: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self.namespace = namespace

    @staticmethod
    def of(construct: Construct) -> Chart:
        """The nearest chart that a construct is in."""
        return next(each for each in reversed(construct.node.scopes) if isinstance(each, Chart))

    def to_json(self) -> list[Any]:
        """Its objects, without those of charts within it."""
        return [
            each.to_json()
            for each in self.node.find_all()
            if isinstance(each, ApiObject) and Chart.of(each) is self
        ]


@dataclass(frozen=True)
class ApiObjectMetadata:
    """The metadata of an object."""

    name: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None


class ApiObject(Construct):
    """A Kubernetes object."""

    def __init__(
        self, scope: Construct, id: str, *, api_version: str, kind: str, metadata: ApiObjectMetadata
    ) -> None:
        super().__init__(scope, id)
        self.kind = kind
        self._content: dict[str, Any] = {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {
                key: value
                for key, value in (
                    ("annotations", _sorted(metadata.annotations)),
                    ("labels", _sorted(metadata.labels)),
                    ("name", metadata.name),
                    ("namespace", metadata.namespace or Chart.of(self).namespace),
                )
                if value
            },
        }

    def add_json_patch(self, *operations: JsonPatch) -> None:
        """Changes the object."""
        for operation in operations:
            operation.apply(self._content)

    def to_json(self) -> Any:
        """The object, which is not to be changed."""
        return self._content


def _sorted(values: Mapping[str, str] | None) -> dict[str, str]:
    return dict(sorted((values or {}).items()))


class DependencyGraph:
    """The order of a chart's objects: that in which they were composed."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def topology(self) -> list[Construct]:
        """The constructs in order."""
        return self._node.find_all()


@dataclass(frozen=True)
class JsonPatch:
    """An operation of RFC 6902."""

    path: Sequence[str]
    apply_to: Callable[[Any, str], None]

    @classmethod
    def add(cls, path: str, value: Any) -> JsonPatch:
        """Sets a key of a map, or inserts into a list; ``-`` is its end."""

        def apply(parent: Any, key: str) -> None:
            # What is added to one object may be added to others, and be changed in it.
            own = _copied(value)
            if isinstance(parent, list):
                parent.insert(len(parent) if key == "-" else int(key), own)
            else:
                parent[key] = own

        return cls(_keys(path), apply)

    @classmethod
    def remove(cls, path: str) -> JsonPatch:
        """Removes a key of a map, or an item of a list."""

        def apply(parent: Any, key: str) -> None:
            del parent[int(key) if isinstance(parent, list) else key]

        return cls(_keys(path), apply)

    @classmethod
    def move(cls, from_: str, path: str) -> JsonPatch:
        """Makes a key the last of its map: the only move that composing needs."""
        assert from_ == path

        def apply(parent: Any, key: str) -> None:
            parent[key] = parent.pop(key)

        return cls(_keys(path), apply)

    def apply(self, document: Any) -> None:
        """Changes a document."""
        *above, last = self.path
        for key in above:
            document = document[int(key) if isinstance(document, list) else key]
        self.apply_to(document, last)


def _copied(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_copied(each) for each in value]
    return value


def _keys(pointer: str) -> list[str]:
    """The keys of a JSON pointer (RFC 6901)."""
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]
