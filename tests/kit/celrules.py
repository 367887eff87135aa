"""The CEL rules of custom resources, evaluated as the API server does on create.

The library counts the bytes of a string where CEL counts characters, and lets an error in one
element of a list fail `exists`. Both can only refuse what a server would take.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.kit.problem import Problem

try:
    import cel
    from cel.stdlib import EXTENSIONS
except ImportError:  # it has no release for Python 3.10
    HAS_CEL = False
    EXTENSIONS = {"strings": {}}
else:
    HAS_CEL = True


def _is_ip(value: str) -> bool:
    try:
        return "%" not in value and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


# Kubernetes' extensions that the library lacks; a method gets its receiver first.
_SUPPLIED: Mapping[str, Callable[..., Any]] = {**EXTENSIONS["strings"], "isIP": _is_ip}
# fmt: off
_BUILT_IN = frozenset([
    "size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string",
    "duration", "timestamp", "dyn", "hasValue", "value", "orValue",
])
_RESERVED = frozenset([
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function",
    "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
])
# fmt: on
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


def escaped(name: str) -> str:
    """A property's name as rules spell it."""
    if name in _RESERVED:
        return f"__{name}__"
    return re.sub(r"__|[.\-/]", lambda match: _ESCAPES[match[0]], name)


@dataclass(frozen=True)
class Rule:
    """A rule of a schema; `unsupported` says why it cannot be evaluated here, if so."""

    text: str
    message: str
    program: cel.Program | None
    unsupported: str | None


def rules_of(schema: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of a node that hold on create: those that compare with an old self are left out.

    None where there is no library to evaluate them.
    """
    rules: list[Rule] = []
    if not HAS_CEL:
        return ()
    for entry in schema.get("x-kubernetes-validations", ()):
        text = entry["rule"]
        program, unsupported = _compiled(text)
        transition = re.search(r"\boldSelf\b", text) and not entry.get("optionalOldSelf")
        if not transition:
            message = entry.get("message") or f"failed rule: {text}"
            rules.append(Rule(text, message.strip(), program, unsupported))
    return tuple(rules)


@cache
def _compiled(text: str) -> tuple[cel.Program | None, str | None]:
    try:
        program = cel.compile(text)
    except ValueError as error:
        return None, f"does not compile: {error}"
    named = {name for name in program.functions() if name[0].isalpha()}
    unknown = sorted(named - _BUILT_IN - _SUPPLIED.keys())
    return program, f"unsupported functions: {', '.join(unknown)}" if unknown else None


def broken_rules(rules: Sequence[Rule], value: Any, path: str) -> Iterator[Problem]:
    """A problem for each rule that a value, in the form rules see, does not satisfy."""
    # The optional old self is none on create.
    variables = {"self": value, "oldSelf": cel.OptionalValue.none()}
    context = cel.Context(variables=variables, functions=dict(_SUPPLIED))
    for rule in rules:
        if rule.unsupported or rule.program is None:
            yield Problem(path, f"rule cannot be evaluated ({rule.unsupported}): {rule.text}")
            continue
        try:
            holds = rule.program.execute(context)
        except (RuntimeError, TypeError, ValueError) as error:
            yield Problem(path, f"{rule.message} (rule failed: {error})")
        else:
            if holds is not True:
                yield Problem(path, rule.message)
