"""``cdk8s-inference explain``: what a finding's code stands for."""

from __future__ import annotations

import click

from cdk8s_inference.cli.failure import writing
from cdk8s_inference.cli.stdout import say


@click.command()
@click.argument("code", metavar="CODE")
def explain(code: str) -> None:
    """Explain a finding: what it prevents, how it is known, an example, and what to do."""
    from cdk8s_inference.checks.registry import all_rules
    from cdk8s_inference.findings.explanation import as_text

    codes = list(all_rules())
    found = all_rules().get(code.upper())
    if found is None:
        import difflib

        begun = [each for each in codes if each.startswith(code.upper())]
        close = begun[:3] or difflib.get_close_matches(code.upper(), codes, n=3) or codes[:3]
        raise click.UsageError(f"{code!r} is no code; there is {', '.join(close)}")
    with writing("standard output"):
        say(as_text(found), nl=False)
