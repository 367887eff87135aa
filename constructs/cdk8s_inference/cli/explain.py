"""``cdk8s-inference explain``: what a finding's code stands for."""

from __future__ import annotations

import click


@click.command()
@click.argument("code", metavar="CODE")
def explain(code: str) -> None:
    """Explain a finding: what it prevents, how it is known, an example, and what to do."""
    from cdk8s_inference.checks.explanation import codes, explanation

    found = explanation(code.upper())
    if found is None:
        import difflib

        begun = [each for each in codes() if each.startswith(code.upper())]
        close = begun[:3] or difflib.get_close_matches(code.upper(), codes(), n=3) or codes()[:3]
        raise click.UsageError(f"{code!r} is no code; there is {', '.join(close)}")
    click.echo(found.as_text(), nl=False)
