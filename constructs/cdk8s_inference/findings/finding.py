"""What is wrong with an input, as data: one finding per violation, all of them at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from cdk8s_inference.findings.caller import caller
from cdk8s_inference.findings.mend import Mend
from cdk8s_inference.findings.secret import masked
from cdk8s_inference.findings.terminal import escaped

Severity = Literal["error", "warning", "note"]
"""``error``: nothing is composed. ``warning``: works worse than it looks. ``note``: to know."""

PathPart = str | int
Path = tuple[PathPart, ...]


@dataclass(frozen=True)
class Place:
    """Where something is written.

    Attributes:
        object: The object, such as ``Deployment ml-team/llama-0-decode``.
        path: Its field; empty for the whole object.
        file: The file it came from, where it came from one.
        line: The 1-based line in ``file``, where it is known.
    """

    object: str
    path: str
    file: str | None = None
    line: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "object", masked(self.object))
        object.__setattr__(self, "path", masked(self.path))

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return escaped(" ".join(part for part in (place, self.object, self.path) if part))


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know about their input.

    Attributes:
        code: Stable identifier of the rule, such as ``D103``.
        severity: ``error``, ``warning`` or ``note``.
        path: The field, such as ``spec.template.spec.engines[0].name``; empty for a whole file.
        message: What is wrong, with the values that disagree. Secrets in it are masked.
        fix: What to do about it.
        file: The file the document came from, where it came from one.
        line: The 1-based line in ``file``, where it is known.
        object: The object that ``path`` is in, where the input holds several.
        related: The other places of a contradiction, and of what has the same cause.
        count: How many violations of the rule have this cause; ``path`` is the first of them.
        consequences: What follows from it, and is gone with it.
        waived: Why it is let be, where it is.
        mend: What to write instead on its line, where nothing else can be meant. Its texts are
            those of the file, and not for showing: they may hold secrets.
    """

    code: str
    severity: Severity
    path: str
    message: str
    fix: str
    file: str | None = None
    line: int | None = None
    object: str | None = None
    related: tuple[Place, ...] = ()
    count: int = 1
    consequences: tuple[Finding, ...] = ()
    waived: str | None = None
    mend: Mend | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("path", "message", "fix", "object", "waived"):
            if text := getattr(self, name):
                object.__setattr__(self, name, masked(text))

    def at(self, file: str | None, line: int | None) -> Finding:
        """The same finding, with its place in a file."""
        return replace(self, file=file, line=line)

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain data, for JSON.

        ``related`` is the first related place, and ``related_places`` has all of them where there
        are several; ``count``, ``waived``, ``fixable`` and ``consequences`` are there where they
        say something.
        """
        found: dict[str, Any] = {
            "code": self.code,
            "severity": self.severity,
            "path": self.path,
            "message": self.message,
            "fix": self.fix,
            "file": self.file,
            "line": self.line,
        }
        if self.object is not None:
            found["object"] = self.object
        if self.related:
            found["related"] = asdict(self.related[0])
        if len(self.related) > 1:
            found["related_places"] = [asdict(place) for place in self.related]
        if self.count > 1:
            found["count"] = self.count
        if self.waived is not None:
            found["waived"] = self.waived
        if self.mend is not None:
            found["fixable"] = True
        if self.consequences:
            found["consequences"] = [each.as_dict() for each in self.consequences]
        return found

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        where = f"{place}: " if place else ""
        field = " ".join(part for part in (self.object, self.path) if part)
        field = f"{field}: " if field else ""
        head = f"{where}{self.severity}[{self.code}] {field}{self.summary}"
        return "\n".join(map(escaped, [head, *self._details(), f"    fix: {self.fix}"]))

    @property
    def summary(self) -> str:
        """The message, with how many more violations have the same cause."""
        more = self.count - 1
        return f"{self.message} (and {more} more of the same cause)" if more else self.message

    def _details(self) -> list[str]:
        """Lines about related places and consequences: three of each, and how many more."""
        lines = [f"    see: {place}" for place in self.related[:_SHOWN]]
        if len(self.related) > _SHOWN:
            lines.append(f"    and {len(self.related) - _SHOWN} more")
        for each in self.consequences[:_SHOWN]:
            field = f"{each.object}: " if each.object and each.object != self.object else ""
            lines.append(f"    also: {each.code} {field}{each.summary}")
        if len(self.consequences) > _SHOWN:
            lines.append(f"    also: {len(self.consequences) - _SHOWN} more consequences")
        return lines


_SHOWN = 3


class InvalidInput(ValueError):
    """The input cannot be composed; ``findings`` says why, completely.

    Attributes:
        findings: Every finding of the input, errors and others, in document order.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class InferenceWarning(UserWarning):
    """A finding that does not stop composition; filter it with :mod:`warnings`."""


def warn(findings: Iterable[Finding]) -> None:
    """Raises the warnings among findings as :class:`InferenceWarning`, at the user's line."""
    _, depth = caller()
    for finding in findings:
        if finding.severity == "warning":
            warnings.warn(str(finding), InferenceWarning, stacklevel=depth)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that stop composition."""
    return [finding for finding in findings if finding.severity == "error"]


def shown(value: object) -> str:
    """A value as a message quotes it: never long, whatever it is."""
    if isinstance(value, (Mapping, list)):
        return f"{type_name(value)} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def shown_list(texts: Iterable[str], most: int = 5) -> str:
    """The first of some texts as a message lists them, and how many more there are."""
    known = list(texts)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(text[:80] for text in known[:most]) + more


def type_name(value: object) -> str:
    """The type of a value in the words of a document."""
    return _TYPE_NAMES.get(type(value), type(value).__name__)


_TYPE_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def field_path(path: Path) -> str:
    """A path as Kubernetes writes it.

    >>> field_path(("spec", "engines", 0, "labels", "a.io/b"))
    'spec.engines[0].labels[a.io/b]'
    """
    return "".join(_segments(path))


def _segments(path: Path) -> Iterator[str]:
    for index, part in enumerate(path):
        if isinstance(part, str) and (part.isidentifier() or part.startswith("<")):
            yield f".{part}" if index else part
        else:
            yield f"[{part}]"
