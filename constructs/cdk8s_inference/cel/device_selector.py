"""What Kubernetes refuses of an expression that selects devices.

Source: CELDeviceSelector of resource.k8s.io/v1, and the environment that the API server compiles
it in (k8s.io/dynamic-resource-allocation/cel, Kubernetes 1.34).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache

from lark import Token, Tree

from cdk8s_inference.cel.expression import InvalidExpression, Node, parse

_DEVICE = {
    "driver": "string",
    "attributes": "domains",
    "capacity": "domains",
    "allowMultipleAllocations": "bool",
}
"""The fields of ``device``. A domain's attributes have any type: ``dyn``."""

# fmt: off
_FUNCTIONS = frozenset([
    "bool", "bytes", "cidr", "double", "duration", "dyn", "has", "int", "ip", "isCIDR", "isIP",
    "isQuantity", "isSemver", "isURL", "matches", "quantity", "semver", "size", "string",
    "timestamp", "type", "uint", "url",
])
# fmt: on
_MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
_NAMESPACES = frozenset({"base64", "cel", "format", "math", "optional", "sets", "strings"})
_TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"})
_LITERALS = frozenset({"bool", "bytes", "double", "int", "list", "map", "null", "string", "uint"})
_NUMBERS = frozenset({"double", "int", "uint"})
_COMPARABLE = _NUMBERS | {"bool", "string"}


@cache
def selector_problem(text: str) -> str | None:
    """Why an expression selects no device; None where nothing in it says so.

    >>> selector_problem('device.attribute["gpu.nvidia.com"].architecture == "Hopper"')
    "device has no field 'attribute'; did you mean 'attributes'?"
    >>> selector_problem('device.driver')
    'it is a string, and must be true or false'
    """
    try:
        tree = parse(text)
        result = _type(tree, frozenset({"device"}))
    except InvalidExpression as error:
        return str(error)
    except RecursionError:
        return "the expression is nested too deeply"
    if result not in ("bool", "dyn"):
        return f"it is a {_title(result)}, and must be true or false"
    return None


def _title(kind: str) -> str:
    return {"device": "device", "domains": "map"}.get(kind, kind)


def _type(node: Node, names: frozenset[str]) -> str:
    """The type of an expression; ``dyn`` where only a device tells.

    Raises:
        InvalidExpression: The API server does not compile it.
    """
    if isinstance(node, Token):
        return "dyn"
    kind, children = str(node.data), node.children
    if kind == "identifier":
        return _identifier(str(children[0]), names)
    if kind == "select":
        return _selected(node, names)
    if kind == "index":
        of = _type(children[0], names)
        _type(children[1], names)
        return "attributes" if of == "domains" else "dyn"
    if kind in ("function", "method"):
        return _called(node, names)
    found = [_type(child, names) for child in _expressions(node)]
    if kind == "compare":
        _comparable(str(children[1]), found[0], found[-1])
    if kind == "conditional":
        return found[1] if found[1] == found[2] else "dyn"
    if kind in ("compare", "logical", "negation"):
        return "bool"
    if kind in _LITERALS:
        return kind
    return found[0] if found and len(set(found)) == 1 else "dyn"


def _expressions(node: Tree[Token]) -> Iterator[Node]:
    return (child for child in node.children if isinstance(child, Tree))


def _identifier(name: str, names: frozenset[str]) -> str:
    if name == "device":
        return "device"
    if name in names or name in _TYPES:
        return "dyn"
    raise InvalidExpression(f"{name!r} is not defined; the device is called 'device'")


def _selected(node: Tree[Token], names: frozenset[str]) -> str:
    of, field = node.children[0], str(node.children[1])
    if _is_namespace(of):
        return "dyn"
    kind = _type(of, names)
    if kind == "device":
        if field not in _DEVICE:
            close = difflib.get_close_matches(field, _DEVICE, 1)
            known = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(_DEVICE)}"
            raise InvalidExpression(f"device has no field {field!r}; {known}")
        return _DEVICE[field]
    if kind in _COMPARABLE:
        raise InvalidExpression(f"a {kind} has no field {field!r}")
    return "attributes" if kind == "domains" else "dyn"


def _is_namespace(node: Node) -> bool:
    """Whether it is the prefix of a function's name, such as ``cel`` in ``cel.bind``."""
    if not isinstance(node, Tree) or node.data != "identifier":
        return False
    return str(node.children[0]) in _NAMESPACES


def _called(node: Tree[Token], names: frozenset[str]) -> str:
    *before, last = node.children
    arguments = list(_expressions(last)) if isinstance(last, Tree) else []
    listed = isinstance(last, Tree) and last.data == "expr_list"
    head = before if listed else node.children
    if node.data == "function":
        name = str(head[0])
        if name not in _FUNCTIONS and (close := difflib.get_close_matches(name, _FUNCTIONS, 1)):
            raise InvalidExpression(f"{name}() is not defined; did you mean {close[0]}()?")
    else:
        receiver, name = head[0], str(head[1])
        if not _is_namespace(receiver):
            _type(receiver, names)
        bound = arguments[0] if arguments else None
        binds = name in _MACROS or name == "bind"
        if binds and isinstance(bound, Tree) and bound.data == "identifier":
            names = names | {str(bound.children[0])}
            arguments = arguments[1:]
    for argument in arguments:
        _type(argument, names)
    if name in ("has", "contains", "startsWith", "endsWith", "matches", "all", "exists"):
        return "bool"
    return "dyn"


def _comparable(operator: str, left: str, right: str) -> None:
    if operator == "in" or not {left, right} <= _COMPARABLE or left == right:
        return
    if not {left, right} <= _NUMBERS:
        raise InvalidExpression(f"a {left} and a {right} cannot be compared by {operator}")
