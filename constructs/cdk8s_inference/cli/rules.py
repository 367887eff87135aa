"""``cdk8s-inference rules``: the rules that there are."""

from __future__ import annotations

import json
from typing import get_args

import click

from cdk8s_inference.cli.configuration import codes
from cdk8s_inference.cli.failure import writing
from cdk8s_inference.cli.stdout import say
from cdk8s_inference.findings import Severity


@click.command()
@click.argument("prefixes", metavar="[CODE]...", nargs=-1)
@click.option(
    "--severity",
    type=click.Choice(get_args(Severity)),
    help="Only rules of this severity; those whose severity depends on the case have none.",
)
@click.option(
    "--format", "format", type=click.Choice(("text", "json")), default="text", show_default=True
)
def rules(prefixes: tuple[str, ...], severity: str | None, format: str) -> None:
    """List the rules: all of them, or those whose codes begin with CODE, such as T5."""
    from cdk8s_inference.checks.registry import all_rules

    wanted = codes(prefixes, "CODE") or ("",)
    found = [
        rule
        for code, rule in all_rules().items()
        if code.startswith(wanted) and severity in (None, rule.severity)
    ]
    if format == "json":
        entries = [
            {
                "code": rule.code,
                "severity": rule.severity,
                "title": rule.title,
                "why": rule.why,
                "evidence": rule.grounds,
                "fix": rule.fix,
            }
            for rule in found
        ]
        text = json.dumps(entries, indent=2)
    else:
        text = "\n".join(
            f"{rule.code}  {rule.severity or 'depends':<8} {rule.title}" for rule in found
        )
    with writing("standard output"):
        say(text)
