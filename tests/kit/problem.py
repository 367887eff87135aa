"""What a validator found wrong, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]*")


@dataclass(frozen=True)
class Problem:
    """One violation: the path of the offending field and what is wrong with it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'object'}: {self.message}"


def at(path: str, *keys: str | int) -> str:
    """The path of a field below `path`: `spec.ports[0]`, `metadata.labels["a.b/c"]`."""
    for key in keys:
        if isinstance(key, int):
            path = f"{path}[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            path = f"{path}.{key}" if path else key
        else:
            path = f'{path}["{key}"]'
    return path
