"""Values that can be written as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from cdk8s_inference.arguments.constraint import Problem
from cdk8s_inference.arguments.fit import problems
from cdk8s_inference.findings import Path, shown


def json_problems(value: Any, path: Path, *, besides: type | None = None) -> Iterator[Problem]:
    """What keeps a value from being written as JSON, but for instances of a class."""
    if besides is not None and isinstance(value, besides):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield Problem(path, f"key {shown(key)} is not a string", "put it in quotes")
            else:
                yield from json_problems(item, (*path, key), besides=besides)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from json_problems(item, (*path, index), besides=besides)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(path, f"is {value}, which JSON does not have", "use a finite number")
    elif isinstance(value, int):
        yield from problems(int, int(value), path)
    elif value is not None and not isinstance(value, (str, float)):
        message = f"is a {type(value).__name__}, which JSON does not have"
        yield Problem(path, message, "use dicts, lists, strings, numbers, True, False and None")
