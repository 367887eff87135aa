"""Objects as YAML, in the bytes that cdk8s writes.

cdk8s has the npm package ``yaml`` write version 1.1 without folding, so that other parsers read
back what was meant: a string that some parser takes for a number or a truth value is quoted.
PyYAML cannot be configured to the same style, and a deployment is to have the same bytes whether
the command line or a program in Python composed it: files are committed, and compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any

_STEP = "  "

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_NOT_PLAIN = re.compile(
    r"""[\n\t ,\[\]{}#&*!|>'"%@`] | [?-]\Z | [?-][ \t]"""  # at the start
    r"""| .*? (?: [\n:][ \t] | [ \t]\n | [\n\t ]\# | [\n\t :]\Z )""",
    re.DOTALL | re.VERBOSE,
)

_DOCUMENT_MARKER = re.compile(r"(?:^|[\n\u2028\u2029])(?:%|---|\.\.\.)")

_OTHER_TYPE = re.compile(
    r"""(?: ~ | [Nn]ull | NULL )?
    | [Yy] | [Yy]es | YES | [Tt]rue | TRUE | [Oo]n | ON
    | [Nn] | [Nn]o | NO | [Ff]alse | FALSE | [Oo]ff | OFF
    | [-+]?\.(?:inf|Inf|INF) | \.nan | \.NaN | \.NAN
    | [-+]?(?:[0-9][0-9_]*)?(?:\.[0-9_]*)?[eE][-+]?[0-9]+
    | [-+]?(?:[0-9][0-9_]*)?\.[0-9_]*
    | [-+]?0b[0-1_]+
    | [-+]?0[0-7_]+
    | [-+]?[0-9][0-9_]*
    | [-+]?0x[0-9a-fA-F_]+
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}
      (?: (?:t|T|[ \t]+) [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?
          (?: [ \t]*(?:Z|[-+][012]?[0-9](?::[0-9]{2})?) )? )?""",
    re.VERBOSE,
)
"""What YAML 1.1 takes for null, a truth value, a number or a time."""

_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


def stringify(objects: Iterable[Any]) -> str:
    """The objects as one text, a document each."""
    return "---\n".join(_text(each) for each in objects)


def _text(value: Any) -> str:
    lines: list[str] = []
    _write(value, "", "", lines)
    return "\n".join(lines) + "\n"


def _write(value: Any, first: str, indent: str, lines: list[str]) -> None:
    """Adds the lines of a value.

    Args:
        first: What stands before its first line.
        indent: What stands before its further lines.
    """
    if isinstance(value, dict):
        if not value:
            lines.append(f"{first}{{}}")
        for key, each in _in_order(value):
            name = f"{first}{_scalar(key, indent + _STEP, key=True)}:"
            if each and isinstance(each, (dict, list)):
                lines.append(name)
                _write(each, indent + _STEP, indent + _STEP, lines)
            else:
                _write(each, f"{name} ", indent + _STEP, lines)
            first = indent
    elif isinstance(value, list):
        if not value:
            lines.append(f"{first}[]")
        for each in value:
            _write(each, f"{first}- ", indent + _STEP, lines)
            first = indent
    else:
        lines.append(f"{first}{_scalar(value, indent, key=False)}")


def _in_order(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """JavaScript puts the keys that are indices of an array before all others."""
    indices = [key for key in value if key[:1].isdigit() and _is_index(key)]
    if not indices:
        return value.items()
    indices.sort(key=int)
    others = [key for key in value if key not in indices]
    return [(key, value[key]) for key in (*indices, *others)]


def _is_index(key: str) -> bool:
    return _ARRAY_INDEX.fullmatch(key) is not None and int(key) < 2**32 - 1


def _scalar(value: Any, indent: str, *, key: bool) -> str:
    if isinstance(value, str):
        return _string(str(value), indent, key)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    return str(value)


def _float(value: float) -> str:
    """A number as JavaScript writes it."""
    text = repr(value)
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(text), "f").removesuffix(".0")
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent):+d}" if e else text.removesuffix(".0")


@lru_cache(maxsize=4096)
def _string(value: str, indent: str, key: bool) -> str:
    if _UNPRINTABLE.search(value):
        return _double_quoted(value, indent, key)
    lines = "\n" in value
    if key and lines:
        return _quoted(value, indent, key)
    if _NOT_PLAIN.match(value) and not lines:
        return _quoted(value, indent, key)
    if lines:
        return _block(value, indent)
    if (key and indent == _STEP and _DOCUMENT_MARKER.search(value)) or _OTHER_TYPE.fullmatch(value):
        return _quoted(value, indent, key)
    return value


def _quoted(value: str, indent: str, key: bool) -> str:
    if '"' not in value or "'" in value or re.search(r"[ \t]\n|\n[ \t]", value):
        return _double_quoted(value, indent, key)
    if key and "\n" in value:
        return _double_quoted(value, indent, key)
    escaped = re.sub(r"\n+", lambda found: f"{found[0]}\n{indent}", value)
    return f"'{escaped}'"


def _double_quoted(value: str, indent: str, key: bool) -> str:
    text = json.dumps(value, ensure_ascii=False)
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\u00([0-9a-f]{2})", _short_escape, text)
    # Of a long text each line has its own; the fold takes the first line break.
    length = len(json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) // 2
    return _escaped_lines(text, indent, fold=not key and length >= 40)


_SHORT = {"00": r"\0", "07": r"\a", "0b": r"\v", "1b": r"\e"}


def _short_escape(found: re.Match[str]) -> str:
    return found[1] + _SHORT.get(found[2], rf"\x{found[2]}")


def _escaped_lines(text: str, indent: str, *, fold: bool) -> str:
    """A quoted text whose line breaks are lines of their own where that is wanted."""
    parts: list[str] = []
    at = 0
    for found in re.finditer(r"\\(.)", text):
        begin = found.start()
        if found[1] != "n" or begin < at:
            continue
        before = text[at:begin]
        if before.endswith(" "):
            # A space before a line break would be folded away.
            before = f"{before[:-1]}\\ "
        parts.append(before)
        at = found.end()
        if not fold or text[at : at + 1] == '"':
            parts.append(r"\n")
            continue
        parts.append("\n\n")
        while text[at : at + 2] == r"\n" and text[at + 2 : at + 3] != '"':
            parts.append("\n")
            at += 2
        parts.append(indent)
        if text[at : at + 1] == " ":
            parts.append("\\")
    return "".join((*parts, text[at:]))


def _block(value: str, indent: str) -> str:
    """A literal block; a text that ends in a line of white space cannot be one."""
    if re.search(r"\n[\t ]+\Z", value):
        return _quoted(value, indent, key=False)
    body = value.rstrip("\n\t ")
    end = value[len(body) :]
    if "\n" not in end:
        chomp = "-"
    elif value == end or end.index("\n") != len(end) - 1:
        chomp = "+"
    else:
        chomp = ""
    if end.endswith("\n"):
        end = end[:-1]
    start = re.match(r"[ \n]*", body)
    assert start is not None
    leading = start[0]
    indicator = "2" if " " in leading else ""
    text = leading[: leading.rfind("\n") + 1] + body[leading.rfind("\n") + 1 :]
    lines = re.sub(r"\n+", lambda found: found[0] + indent, text)
    rest = re.sub(r"\n+(?!\n|\Z)", lambda found: found[0] + indent, end)
    return f"|{indicator}{chomp}\n{indent}{lines}{rest}"
