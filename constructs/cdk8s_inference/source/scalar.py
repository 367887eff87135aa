"""What a YAML scalar means to sigs.k8s.io/yaml, and so to kubectl."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from cdk8s_inference.findings import shown
from cdk8s_inference.source.unreadable import Unreadable, malformed

CORE_TAG = "tag:yaml.org,2002:"
_STRING_TAGS = ("!", f"{CORE_TAG}str")
_SCALAR_TYPES = {"null": type(None), "bool": bool, "int": int, "float": float}
_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]{0,19}))"
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def foreign_tag(tag: str, line: int) -> Unreadable:
    """A tag that is not supported."""
    return malformed(f"tag {tag:.60} is not supported", line, "write the value without its tag")


def scalar(event: yaml.ScalarEvent, line: int) -> Any:
    """The value of a scalar."""
    text: str = event.value
    if event.tag in _STRING_TAGS or not (event.tag or event.implicit[0]):
        return text
    value = _resolved(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise malformed(f"{text} is not a JSON number", line, "quote it")
    if event.tag is None:
        return value
    name = event.tag.removeprefix(CORE_TAG)
    if name not in _SCALAR_TYPES:
        raise foreign_tag(event.tag, line)
    if name == "float" and type(value) is int:
        return float(value)
    if type(value) is not _SCALAR_TYPES[name]:
        raise malformed(f"{shown(text)} is not a valid {name}", line)
    return value


def _resolved(text: str) -> Any:
    """What a plain scalar means: a number that 64 bits do not hold is no integer."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    if match := _INTEGER.fullmatch(digits):
        sign, *written = match.groups()
        magnitude = next(
            int(number, base)
            for number, base in zip(written, (16, 2, 8, 10), strict=True)
            if number
        )
        if magnitude < (1 << 64 if not sign else 1 << 63) + (sign == "-"):
            return -magnitude if sign == "-" else magnitude
    if _FLOAT.fullmatch(digits) and math.isfinite(number := float(digits)):
        return number
    return text
