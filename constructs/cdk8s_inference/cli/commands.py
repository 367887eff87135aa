"""``cdk8s-inference``: its commands."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

_COMMANDS: Mapping[str, str] = {
    "check": "cdk8s_inference.cli.check",
    "diff": "cdk8s_inference.cli.diff",
    "explain": "cdk8s_inference.cli.explain",
    "graph": "cdk8s_inference.cli.graph",
    "rules": "cdk8s_inference.cli.rules",
    "synth": "cdk8s_inference.cli.synth",
    "verify": "cdk8s_inference.cli.verify",
}


class _Commands(click.Group):
    """Imports a command when it is called: what ``synth`` needs, ``check`` must not wait for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(
    "cdk8s-inference", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="cdk8s-inference", prog_name="cdk8s-inference")
def commands() -> None:
    """Compose large-language-model serving on Kubernetes, and check what is composed."""
