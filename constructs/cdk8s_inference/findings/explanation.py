"""The explanation of a rule, for a terminal and as a page."""

from __future__ import annotations

from cdk8s_inference.findings.rule import AnyRule


def as_text(rule: AnyRule) -> str:
    """The explanation for a terminal."""
    severity = f" ({rule.severity})" if rule.severity else ""
    parts = [f"{rule.code}{severity}: {rule.title}", f"Why it matters: {rule.why}"]
    if rule.example:
        parts.append("Example (- broken, + fixed):\n\n" + _indented(rule.example.difference()))
    parts.append(f"How to fix: {rule.fix}.")
    parts.append(f"Evidence: {rule.grounds}")
    return "\n\n".join(parts) + "\n"


def as_markdown(rule: AnyRule) -> str:
    """The explanation as a page, in Markdown."""
    severity = f"\n\nSeverity: {rule.severity}." if rule.severity else ""
    parts = [
        f"# {rule.code}: {rule.title}",
        f"## What it detects\n\n{rule.title}.{severity}",
        f"## Why it matters\n\n{rule.why}",
    ]
    if rule.example:
        parts.append(
            "## Example\n\nBroken lines start with `-`, those that fix them with `+`.\n\n"
            f"```diff\n{rule.example.difference()}\n```"
        )
    parts.append(f"## How to fix\n\n{rule.fix[0].upper()}{rule.fix[1:]}.")
    parts.append(f"## Evidence\n\n{rule.grounds}")
    return "\n\n".join(parts) + "\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
