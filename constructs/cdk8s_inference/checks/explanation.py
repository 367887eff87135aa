"""What a code stands for, whatever family it is of."""

from __future__ import annotations

from dataclasses import dataclass

from cdk8s_inference.checks import rules as rules
from cdk8s_inference.checks.codes import CODES
from cdk8s_inference.checks.rule import RULES, Rule
from cdk8s_inference.findings import Severity


@dataclass(frozen=True)
class Explanation:
    """The words about a code.

    Attributes:
        code: The code.
        title: What is wrong, in a few words.
        severity: Its severity; None where that depends on the case.
        prevents: What happens otherwise; empty where the title says it.
        source: Where that is known from.
        fix: What to do.
        difference: The example, as lines of a difference: ``-`` broken, ``+`` mended.
    """

    code: str
    title: str
    severity: Severity | None = None
    prevents: str = ""
    source: str = ""
    fix: str = ""
    difference: str = ""

    def as_text(self) -> str:
        """The words for a terminal."""
        severity = f" ({self.severity})" if self.severity else ""
        parts = [f"{self.code}{severity}: {self.title}"]
        if self.prevents:
            parts.append(self.prevents)
        if self.difference:
            parts.append("Broken (-) and mended (+):\n\n" + _indented(self.difference))
        if self.fix:
            parts.append(f"To mend it: {self.fix}.")
        if self.source:
            parts.append(f"Known from: {self.source}")
        return "\n\n".join(parts) + "\n"

    def as_markdown(self) -> str:
        """The words as a page."""
        parts = [f"# {self.code}: {self.title}"]
        if self.severity:
            parts.append(f"Severity: {self.severity}.")
        if self.prevents:
            parts.append(f"## What happens otherwise\n\n{self.prevents}")
        if self.difference:
            parts.append(
                "## Example\n\nBroken lines start with `-`, those that mend them with `+`.\n\n"
                f"```diff\n{self.difference}\n```"
            )
        if self.fix:
            parts.append(f"## What to do\n\n{self.fix[0].upper()}{self.fix[1:]}.")
        if self.source:
            parts.append(f"## How it is known\n\n{self.source}")
        return "\n\n".join(parts) + "\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def codes() -> list[str]:
    """Every code that there is."""
    return sorted({*RULES, *CODES})


def explanation(code: str) -> Explanation | None:
    """The words about a code; None where there is no such code."""
    said = RULES.get(code) or CODES.get(code)
    if said is None:
        return None
    shown = said.example if isinstance(said, Rule) else said.sample
    return Explanation(
        said.code,
        said.title,
        said.severity,
        said.prevents,
        said.source,
        said.fix,
        shown.difference() if shown else "",
    )
