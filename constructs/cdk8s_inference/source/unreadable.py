"""Why a text cannot be read."""

from __future__ import annotations

from typing import Any

from cdk8s_inference.findings import Finding, Place
from cdk8s_inference.findings.example import rewritten
from cdk8s_inference.findings.rule import AnyRule, RuleSet, Violation

FILE_RULES: RuleSet[Any] = RuleSet()
"""The rules about files, which the reader applies."""

_QUOTED = "'--default-chat-template-kwargs={\"enable_thinking\": false}'"

D001 = FILE_RULES.declare(
    "D001",
    "error",
    "The file cannot be read, or is not valid YAML",
    why="Nothing is read from the file. kubectl and the API server stop at the same place.",
    evidence="The YAML specification. For a file that cannot be opened: the operating system's "
    "error.",
    fix="correct the syntax on the line given",
    example=rewritten("unified", _QUOTED, _QUOTED.rstrip("'")),
)

D002 = FILE_RULES.declare(
    "D002",
    "error",
    "The file exceeds a size limit",
    why="YAML aliases can expand without bound: a few lines would take all memory of the program "
    "that reads them.",
    evidence="The limits of this reader for one file: 8 MiB (64 MiB with the schemas of CRDs), "
    "200,000 keys and values of 16 Mi characters, 64 levels. An API server accepts no object over "
    "3 MiB.",
    fix="split the file; replace an alias that contains itself by its value",
    example=rewritten("unified", "engines:\n", "engines: &engines\n        - *engines\n"),
)


class Unreadable(Exception):
    """The text cannot be read; :meth:`finding` says why."""

    def __init__(self, rule: AnyRule, message: str, fix: str, line: int | None = None) -> None:
        super().__init__(message)
        self._rule = rule
        self._message = message
        self._fix = fix
        self._line = line

    def finding(self, file: str | None) -> Finding:
        """The finding about a file with this text."""
        place = Place("", "", file, self._line)
        return self._rule.finding(Violation(place, self._message, fix=self._fix))


def malformed(reason: str, line: int | None, fix: str = "correct the syntax") -> Unreadable:
    """The text is not YAML."""
    return Unreadable(D001, f"invalid YAML: {reason}", fix, line)
