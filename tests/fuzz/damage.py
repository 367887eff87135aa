"""Ways to damage texts and plain data."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

CONTROLS = "\x1b]0;t\x07\x9b2J\u202e\x7f"
CANARY = "canary-horse-battery"
"""A secret: no output may have it."""

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 65536, 2**31, 2**63, 2**64, 1.5, 1e308, -0.0, "", " ", "\n", "0",
    "-1", "true", "null", "~", "1e400", "0x", "$(A)", "${A}", "{{ .A }}", "<YOUR_NAME>", "{", "[",
    '{"a":', "--", "--port", "--port=", "--port=x", "--port=99999999999999999999", "-", "a=b",
    "a,b", "*", "a" * 300, "é☃", "\U0001f600", "\u2028", "\ufeff", CONTROLS, "http://", "://",
    "a/b/c:d@e", "sha256:", ":", "/", "..", "[::1]:80", "1/0", "100%", "-5%", "1Gi", "1e3m", "NaN",
    [], {}, [[]], [None], [{}], {"": None}, {"a": {"a": {"a": []}}}, [1, "a", None], {"name": "a"},
    {"kind": "List", "items": [None, 1, {}]}, "apiVersion: v1\nkind: Pod", "- a\n- b: [",
]  # fmt: skip

SECRETS: list[Any] = [
    {"name": "HF_TOKEN", "value": CANARY},
    {"name": "HF_TOKEN", "vaule": CANARY},
    {"name": "API_KEY", "value": [CANARY]},
    {"token": CANARY},
    {"apiKey": CANARY, "password": {"secret": CANARY}},
    f"--api-key={CANARY}",
    f"--hf-token '{CANARY}'",
]

_PIECES = [
    "\t", "\0", "&a ", "*a", "<<: *a\n", "{", "}", "[", "]", "'", '"', "!!int ", "!x ", "\n", ": ",
    "- ", "? ", "| \n", ">\n", "---\n", "...\n", "%TAG ! x\n", "# ", ",", "\r", "\x85", "\u2028",
    "{{ .Values.x }}", "${X}", "\x1b[2J", "\x9b", "\u202e", "\ud800", "9" * 40, "a" * 2000, "\\",
]  # fmt: skip


def text(whole: str, dice: Random) -> bytes:
    """A text with a few of its parts cut out, doubled or replaced."""
    for _ in range(dice.randint(1, 5)):
        start = dice.randrange(len(whole) + 1)
        end = min(len(whole), start + dice.choice((0, 0, 1, 4, 40, 400)))
        part = dice.choice((dice.choice(_PIECES) * dice.randint(0, 3), whole[start:end] * 2, ""))
        whole = whole[:start] + part + whole[end:]
    content = bytearray(whole.encode(errors="surrogatepass"))
    if dice.random() < 0.2 and content:
        content[dice.randrange(len(content))] = dice.randrange(256)
    return bytes(content)


def data(objects: list[Any], dice: Random) -> list[Any]:
    """Objects of which a few values are other ones: odd, missing, moved, twice, or secrets."""
    objects = copy.deepcopy(objects)
    for _ in range(dice.randint(1, 6)):
        places = [place for each in objects for place in _places(each)]
        if not places:
            break
        holder, key = dice.choice(places)
        other, there = dice.choice(places)
        how = dice.randrange(8)
        if how == 0:
            del holder[key]
        elif how == 1:
            holder[key] = copy.deepcopy(other[there]) if there in _keys(other) else None
        elif how == 2 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif how == 3:
            holder[key] = [copy.deepcopy(holder[key])] * dice.randint(0, 3)
        elif how == 4 and isinstance(holder, dict):
            holder[dice.choice([str(key).upper(), f"{key}s", str(key)[:-1], CONTROLS])] = holder[
                key
            ]
        elif how == 5:
            holder[key] = copy.deepcopy(dice.choice(SECRETS))
        elif how == 6 and isinstance(holder[key], str):
            holder[key] = text(holder[key], dice).decode(errors="replace")
        else:
            holder[key] = copy.deepcopy(dice.choice(ODD))
    if dice.random() < 0.3:
        objects.append(copy.deepcopy(dice.choice(objects)) if objects else None)
    dice.shuffle(objects)
    return objects


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every value within a value: what holds it, and its key or index."""
    for key in list(_keys(value)) if isinstance(value, (dict, list)) else ():
        yield value, key
        yield from _places(value[key])
