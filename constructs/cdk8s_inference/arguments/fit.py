"""Whether a value fits an annotation, and what to write where it does not."""

from __future__ import annotations

import inspect
import json
import math
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cdk8s_inference.arguments.constraint import Constraint, Meant, Problem
from cdk8s_inference.arguments.vocabulary import PYTHON, Vocabulary
from cdk8s_inference.findings import Path, near_name, shown

_LISTS = (Sequence, Collection, Iterable, list, tuple)
_MAPPINGS = (Mapping, dict)


def problems(
    hint: Any, value: Any, path: Path, vocabulary: Vocabulary = PYTHON
) -> Iterator[Problem]:
    """What keeps a value from fitting an annotation; nothing where it fits.

    Args:
        hint: The annotation.
        value: The value.
        path: Where it is.
        vocabulary: What values are called.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return
    if origin is Annotated:
        yield from _annotated(arguments[0], arguments[1:], value, path, vocabulary)
    elif origin in (Union, UnionType):
        yield from _any_of(hint, arguments, value, path, vocabulary)
    elif origin is Literal:
        # True == 1, and a list has no hash.
        if not any(type(value) is type(each) and value == each for each in arguments):
            near = near_name(value, arguments) if isinstance(value, str) else None
            fix = f"write {_code(near)}" if near else "use one of them"
            yield _must_be(hint, value, path, fix, vocabulary)
    elif origin in _MAPPINGS:
        yield from _mapping(hint, arguments, value, path, vocabulary)
    elif origin is tuple and arguments[-1] is not Ellipsis:
        if not isinstance(value, tuple) or len(value) != len(arguments):
            yield _must_be(hint, value, path, f"write {_words(hint, vocabulary)}", vocabulary)
            return
        for index, each in enumerate(arguments):
            yield from problems(each, value[index], (*path, index), vocabulary)
    elif origin in _LISTS:
        yield from _list(hint, arguments[0], value, path, vocabulary)
    else:
        yield from _one(origin or hint, value, path, vocabulary)


def _must_be(hint: Any, value: Any, path: Path, fix: str, vocabulary: Vocabulary) -> Problem:
    expected, said = _words(hint, vocabulary), _said(value, vocabulary)
    return Problem(path, f"must be {expected}, is {said}", fix)


def _annotated(
    hint: Any, metadata: Sequence[Any], value: Any, path: Path, vocabulary: Vocabulary
) -> Iterator[Problem]:
    found = list(problems(hint, value, path, vocabulary))
    if found and isinstance(value, str):
        for each in metadata:
            if isinstance(each, Meant):
                fix = f"write {each.written.format(_code(value))}"
                found = [_must_be(hint, value, path, fix, vocabulary)]
    yield from found
    if not found:
        for each in metadata:
            yield from _limits(each, value, path)


def _limits(metadata: Any, value: Any, path: Path) -> Iterator[Problem]:
    """What a value breaks of the limits that pydantic's types state."""
    if hasattr(metadata, "metadata"):  # pydantic's Field
        for each in metadata.metadata:
            yield from _limits(each, value, path)
        return
    if isinstance(metadata, Constraint):
        yield from metadata.problems(value, path)
        return
    least, most = getattr(metadata, "min_length", None), getattr(metadata, "max_length", None)
    if least is not None and len(value) < least:
        if len(value) == 0:
            yield Problem(path, "is empty", "give a value")
        else:
            message = f"has {len(value)} {_units(value)}, at least {least} are needed"
            yield Problem(path, message, "give more")
        return
    if most is not None and len(value) > most:
        message = f"has {len(value)} {_units(value)}, at most {most} are allowed"
        yield Problem(path, message, "shorten it")
    pattern = getattr(metadata, "pattern", None)
    if pattern is not None and not _matches(pattern, value):
        from cdk8s_inference.kubernetes_types import PATTERNS

        how = PATTERNS.get(pattern, f"match {pattern}")
        yield Problem(path, f"{_code(value)} has an invalid format", how)
    for name, words, holds in _BOUNDS:
        bound = getattr(metadata, name, None)
        if bound is not None and not holds(value, bound):
            yield Problem(path, f"is {value}, must be {words} {bound}", "use another number")


_BOUNDS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("ge", "at least", lambda value, bound: value >= bound),
    ("gt", "more than", lambda value, bound: value > bound),
    ("le", "at most", lambda value, bound: value <= bound),
    ("lt", "less than", lambda value, bound: value < bound),
)


def _units(value: Any) -> str:
    return "characters" if isinstance(value, str) else "items"


def _matches(pattern: str, text: str) -> bool:
    """As the API server reads a pattern: ``$`` is the end, not the end before a newline."""
    found = re.search(pattern, text)
    return found is not None and not (pattern.endswith("$") and text.endswith("\n"))


def _any_of(
    hint: Any, alternatives: Sequence[Any], value: Any, path: Path, vocabulary: Vocabulary
) -> Iterator[Problem]:
    tried = [
        list(problems(each, value, path, vocabulary))
        for each in alternatives
        if each is not NoneType
    ]
    if not all(tried) or (value is None and NoneType in alternatives):
        return
    # Of the right type, and wrong inside: the others say nothing about it.
    within = [found for found in tried if not found[0].message.startswith("must be ")]
    deeper = [found for found in tried if len(found[0].path) > len(path)]
    if chosen := within or deeper:
        yield from chosen[0]
        return
    fixes = list(dict.fromkeys(found[0].fix for found in tried))
    yield _must_be(hint, value, path, " or ".join(fixes), vocabulary)


def _mapping(
    hint: Any, arguments: Sequence[Any], value: Any, path: Path, vocabulary: Vocabulary
) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        fix = f"write {vocabulary.mapping}: {{key: value}}"
        yield _must_be(hint, value, path, fix, vocabulary)
        return
    key_hint, item_hint = arguments
    for key, item in value.items():
        found = list(problems(key_hint, key, path, vocabulary))
        for each in found:
            yield Problem(path, f"key {_code(key)}: {each.message}", each.fix)
        if not found:
            yield from problems(item_hint, item, (*path, str(key)), vocabulary)


def _list(
    hint: Any, item: Any, value: Any, path: Path, vocabulary: Vocabulary
) -> Iterator[Problem]:
    origin = get_origin(hint)
    if not isinstance(value, origin) or isinstance(value, (str, bytes, Mapping)):
        yield _must_be(hint, value, path, _as_list(item, value, vocabulary), vocabulary)
        return
    for index, each in enumerate(value):
        yield from problems(item, each, (*path, index), vocabulary)


def _as_list(item: Any, value: Any, vocabulary: Vocabulary) -> str:
    if isinstance(value, str) and not any(problems(item, value, ())):
        try:
            words = shlex.split(value)
        except ValueError:
            words = [value]
        return f"write {json.dumps(words)}" if words else "write a list"
    if isinstance(value, Mapping):
        return f"write a list{vocabulary.listed}"
    if not any(problems(item, value, ())):
        return "put it into a list: [x]"
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return "write a list: list(x)"
    return f"write {_words(list[item], vocabulary)}"


def _one(expected: Any, value: Any, path: Path, vocabulary: Vocabulary) -> Iterator[Problem]:
    """Whether a value is an instance, as JSON and a reader take it: True is no integer."""
    if expected is None or expected is NoneType:
        if value is not None:
            yield _must_be(None, value, path, f"write {vocabulary.null}", vocabulary)
    elif expected is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield _must_be(float, value, path, _as_number(value, float), vocabulary)
        elif not math.isfinite(value):
            yield Problem(path, f"is {value}, must be a finite number", "use a number")
    elif expected is int:
        if isinstance(value, bool) or not isinstance(value, int):
            yield _must_be(int, value, path, _as_number(value, int), vocabulary)
        elif abs(value) > _LARGEST:
            yield Problem(path, f"is {value}, at most {_LARGEST} is exact", "use a smaller number")
    elif expected is date and isinstance(value, datetime):
        yield _must_be(date, value, path, "write x.date()", vocabulary)
    elif not isinstance(value, expected):
        fix = _as_instance(expected, value, vocabulary)
        yield _must_be(expected, value, path, fix, vocabulary)
    elif expected is str and not _is_unicode(value):
        yield Problem(path, f"{value!a} is not valid Unicode", "write it without surrogates")


_LARGEST = 2**53 - 1
"""JSON's numbers are JavaScript's, and larger integers are rounded there."""


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _as_number(value: Any, kind: type[float]) -> str:
    try:
        number = kind(value) if isinstance(value, (str, float)) else math.nan
    except (ValueError, OverflowError):
        return "write a number"
    return f"write {number}" if math.isfinite(number) else "write a number"


def _as_instance(expected: type, value: Any, vocabulary: Vocabulary) -> str:
    if inspect.isclass(value) and issubclass(value, expected):
        return f"write {value.__name__}(): an instance, not the class"
    if expected is str:
        simple = isinstance(value, (int, float)) and not isinstance(value, bool)
        return f'write "{value}", in quotes' if simple else "write a string"
    if expected is bool:
        return f"write {vocabulary.boolean}"
    if expected is date:
        try:
            day = date.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            day = None
        return f"write date({day.year}, {day.month}, {day.day})" if day else "write a date(...)"
    if concrete := [each.__name__ for each in _concrete(expected)]:
        return f"write {' or '.join(f'{name}(...)' for name in concrete)}"
    return f"give {_words(expected, vocabulary)}"


def _concrete(expected: type) -> Iterator[type]:
    """The classes of this package to make an instance of."""
    public = expected.__module__.startswith(f"{__package__.partition('.')[0]}.")
    if public and not inspect.isabstract(expected) and not expected.__name__.startswith("Composed"):
        yield expected
    elif public:
        subclasses: list[type] = expected.__subclasses__()
        for each in subclasses:
            yield from _concrete(each)


def _code(value: Any) -> str:
    """A value as Python writes it, with the double quotes that documents have."""
    if isinstance(value, str) and len(value) <= 80 and value.isprintable() and '"' not in value:
        return f'"{value}"'
    return shown(value)


def _said(value: Any, vocabulary: Vocabulary) -> str:
    """A value in a message: its type, and what it is where that is short."""
    if value is None:
        return vocabulary.null
    if isinstance(value, dict):
        return vocabulary.mapping
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if isinstance(value, bool):
        return vocabulary.true if value else vocabulary.false
    if isinstance(value, str):
        return f"the string {_code(value)}"
    if isinstance(value, (int, float)):
        return f"the number {value!r}"[:80]
    name = type(value).__name__
    return f"{_article(name)} {name}"


def _words(hint: Any, vocabulary: Vocabulary) -> str:
    """An annotation in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return "any value"
    if origin is Annotated:
        return _words(arguments[0], vocabulary)
    if origin in (Union, UnionType):
        *others, last = dict.fromkeys(_words(each, vocabulary) for each in arguments)
        return f"{', '.join(others)} or {last}" if others else last
    if origin is Literal:
        return ("one of " if len(arguments) > 1 else "") + ", ".join(map(_code, arguments))
    if origin in _MAPPINGS:
        return vocabulary.mapping
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"a tuple ({', '.join(_words(each, vocabulary) for each in arguments)})"
    if origin in _LISTS:
        return f"a list of {_plural(arguments[0], vocabulary)}"
    if hint in (None, NoneType):
        return vocabulary.null
    if hint is bool:
        return vocabulary.boolean
    simple = _SIMPLE.get(hint)
    if simple:
        return simple
    name = getattr(origin or hint, "__name__", str(hint))
    return f"{_article(name)} {name}"


_SIMPLE: Mapping[Any, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
}


def _plural(hint: Any, vocabulary: Vocabulary) -> str:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal or hint is Any:
        return "values"
    words = _words(hint, vocabulary)
    article, _, noun = words.partition(" ")
    return f"{noun}s" if article in ("a", "an") and " " not in noun else f"items, each {words}"


def _article(name: str) -> str:
    return "an" if name[:1].lower() in "aeio" else "a"
