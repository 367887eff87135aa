"""A rule: one small function over a subject, with the words and the example that explain it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from cdk8s_inference.findings.evidence import Known
from cdk8s_inference.findings.example import Example
from cdk8s_inference.findings.finding import Finding, Place, Severity
from cdk8s_inference.findings.mend import Mend

S = TypeVar("S")


class Placed(Protocol):
    """Anything that was written somewhere: a cursor, or a value that was read."""

    @property
    def place(self) -> Place:
        """Where it is written."""


@dataclass(frozen=True)
class Violation:
    """A place where a rule does not hold.

    Attributes:
        at: The value to change, or its place; None where it has none, as an option of the
            platform.
        message: What is wrong, with the values that disagree.
        related: The other value of a contradiction, or several.
        cause: What violations of one cause have in common, such as a field of the pool that all
            its pods disagree with: they are one finding. The same message about the same field,
            or about fields of one object that differ in an index alone, has one cause anyway.
        missing: Whether it is about an object that was not read: an error where what was read is
            said to be complete.
        fix: What to do, where the rule's own words are too general.
        severity: Its severity, where that is not the rule's.
        mend: What to write instead on the line of ``at``, where nothing else can be meant.
    """

    at: Placed | Place | None
    message: str
    related: Placed | Place | Sequence[Placed | Place] | None = None
    fix: str | None = None
    severity: Severity | None = None
    cause: Placed | None = None
    missing: bool = False
    mend: Mend | None = None

    @property
    def related_values(self) -> tuple[Placed | Place, ...]:
        """The related values, one or several."""
        if self.related is None:
            return ()
        return tuple(self.related) if isinstance(self.related, Sequence) else (self.related,)


Find = Callable[[S], Iterable[Violation]]


@dataclass(frozen=True)
class Rule(Generic[S]):
    """A rule over a subject, such as a topology, a document or a picker's configuration.

    Attributes:
        code: Its stable identifier.
        severity: ``error``: it will not work. ``warning``: it works worse than it looks.
            ``note``: to know. None where it depends on the case.
        title: What it detects, in a few words.
        why: Why it matters: what happens otherwise, and how that looks.
        evidence: How that is known: issues, documentation, what was found.
        known: Whether it was seen run, with which releases, or read in source; None where
            ``evidence`` says it alone.
        fix: How to fix it.
        example: An input that violates it, and its fixed twin; None where none can be shown,
            such as a file that cannot be opened.
        after: The codes of which this one is a consequence: where one of them is reported about
            the same object, this one is told with it, and not by itself.
        find: Where the rule does not hold; None where the reader of the subject says so.
    """

    code: str
    title: str
    why: str
    evidence: str
    fix: str
    example: Example | None
    severity: Severity | None = None
    after: tuple[str, ...] = ()
    known: Known | None = None
    find: Find[S] | None = field(default=None, repr=False)

    @property
    def grounds(self) -> str:
        """How what it says is known, in sentences."""
        return " ".join(str(each) for each in (self.known, self.evidence) if each)

    def finding(self, violation: Violation) -> Finding:
        """The finding of a violation.

        Raises:
            ValueError: Neither the rule nor the violation has a severity.
        """
        severity = violation.severity or self.severity
        if severity is None:
            raise ValueError(f"{self.code} has no severity of its own, and its violation none")
        place = _place(violation.at) or Place("", "")
        return Finding(
            self.code,
            severity,
            place.path,
            violation.message,
            violation.fix or self.fix,
            place.file,
            place.line,
            place.object or None,
            tuple(other for each in violation.related_values if (other := _place(each))),
            mend=violation.mend,
        )

    def violations(self, subject: S) -> Iterable[Violation]:
        """Where it does not hold in a subject."""
        return () if self.find is None else self.find(subject)

    def findings(self, subject: S) -> Iterator[Finding]:
        """Its findings about a subject."""
        return map(self.finding, self.violations(subject))


def _place(written: Placed | Place | None) -> Place | None:
    return written if written is None or isinstance(written, Place) else written.place


class RuleSet(Generic[S]):
    """The rules over one kind of subject.

    Attributes:
        rules: Each rule by its code.
    """

    def __init__(self) -> None:
        self.rules: dict[str, Rule[S]] = {}

    def rule(
        self,
        code: str,
        severity: Severity | None,
        title: str,
        *,
        why: str,
        evidence: str,
        fix: str,
        example: Example | None,
        after: tuple[str, ...] = (),
        known: Known | None = None,
    ) -> Callable[[Find[S]], Find[S]]:
        """Makes a function a rule; arguments are those of :class:`Rule`.

        Raises:
            ValueError: Another rule has the code.
        """
        declared = self.declare(
            code,
            severity,
            title,
            why=why,
            evidence=evidence,
            fix=fix,
            example=example,
            after=after,
            known=known,
        )

        def register(find: Find[S]) -> Find[S]:
            self.rules[code] = replace(declared, find=find)
            return find

        return register

    def declare(
        self,
        code: str,
        severity: Severity | None,
        title: str,
        *,
        why: str,
        evidence: str,
        fix: str,
        example: Example | None,
        after: tuple[str, ...] = (),
        known: Known | None = None,
    ) -> Rule[S]:
        """A rule that the reader of its subject applies itself; see :meth:`rule`."""
        if code in self.rules:
            raise ValueError(f"two rules have the code {code}")
        self.rules[code] = Rule(code, title, why, evidence, fix, example, severity, after, known)
        return self.rules[code]

    def findings(self, subject: S, codes: Iterable[str] | None = None) -> Iterator[Finding]:
        """The findings of its rules about a subject; of those with some codes, if any are named."""
        for code in self.rules if codes is None else codes:
            yield from self.rules[code].findings(subject)


AnyRule = Rule[Any]
