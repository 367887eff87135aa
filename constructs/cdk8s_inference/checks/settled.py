"""Whether what was read settles a violation: not where placeholders or alternatives decide."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import Violation
from cdk8s_inference.source import is_placeholder, placeholder_in
from cdk8s_inference.topology import KubeObject, SourceValue, Topology


def placeholder_of(violation: Violation) -> tuple[SourceValue[object], str] | None:
    """A placeholder that a violation depends on, and where it is written; None without one.

    What stands for a value that is not known is neither right nor wrong. A placeholder in the name
    of the violation's own object says nothing about its fields.
    """
    values = list(_values(violation))
    if not values:
        return None
    for value in values:
        found = _written(value)
        if found is not None:
            return value, found
    first = values[0]
    quoted = placeholder_in(violation.message.replace(str(first.object), ""))
    if quoted is not None:
        return first, quoted
    namespaces = {value.object.namespace for value in values}
    if len(namespaces) > 1:
        found = next(filter(None, map(placeholder_in, sorted(namespaces))), None)
        return None if found is None else (first, found)
    return None


def crosses_alternatives(violation: Violation, topology: Topology) -> bool:
    """Whether a violation is about objects of files that hold the same object twice.

    Such files are alternatives, unless something says that they are applied together.
    """
    objects = [value.object for value in _values(violation)]
    files = {each.document.file for each in objects}
    if any(pair <= files for pair in topology.alternative_files):
        return True
    # Of several objects of one name, in files beside, any may be meant.
    return any(
        each.document.file != objects[0].document.file and each in topology.alternatives
        for each in objects[1:]
    )


def _values(violation: Violation) -> Iterator[SourceValue[object]]:
    for value in (violation.at, *violation.related_values):
        if isinstance(value, SourceValue):
            yield value


def _written(value: SourceValue[object]) -> str | None:
    """The placeholder that is written at a value's place, alone or in a list or mapping.

    What is about a whole object depends on all of it, unless it makes pods, of whose many fields
    most have nothing to do with it.
    """
    owner = value.object
    whole = value.path == owner.here.path and not owner.at("spec", "template").present
    below = owner.at("spec").value if whole else _at(owner, value.path)
    for text in _texts(below):
        if is_placeholder(text):
            return text.strip()
    return None


def _at(owner: KubeObject, path: tuple[str | int, ...]) -> object:
    found: object = owner.document.data
    for part in path:
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and isinstance(part, int) and part < len(found):
            found = found[part]
        else:
            return None
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
