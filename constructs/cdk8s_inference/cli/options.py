"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from cdk8s_inference.checks.policy import Policy
from cdk8s_inference.cli.cluster_api import release
from cdk8s_inference.cli.configuration import Configuration, codes, configured

F = TypeVar("F", bound=Callable[..., Any])


render_option = click.option(
    "--render",
    is_flag=True,
    help="Render charts and Kustomize folders, with helm, kustomize or kubectl on PATH.",
)

kubernetes_option = click.option(
    "--kubernetes",
    metavar="RELEASE",
    callback=release,
    help="The cluster's release of Kubernetes, such as 1.36.  [default: any that is known]",
)

exclude_option = click.option(
    "--exclude",
    metavar="PATTERN",
    multiple=True,
    help="Files and folders to pass over in folders, such as '*/testdata'.",
)


def _codes(_: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    return codes(value, f"--{parameter.name}") if value else ()


def selection(command: F) -> F:
    """``--config``, ``--select`` and ``--ignore``."""
    options = [
        click.option(
            "--config",
            metavar="FILE",
            is_eager=True,
            callback=configured,
            help="Configuration, instead of the nearest .cdk8s-inference.yaml or pyproject.toml; "
            "an empty text for none.",
        ),
        click.option(
            "--select",
            metavar="CODE",
            multiple=True,
            callback=_codes,
            help="Report only these codes, or all that begin so, such as T5; separated by commas.",
        ),
        click.option(
            "--ignore",
            metavar="CODE",
            multiple=True,
            callback=_codes,
            help="Do not report these codes, or any that begin so.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def cluster_access(command: F) -> F:
    """``--context``, ``--kubeconfig``, ``--namespace`` and ``--all-namespaces``."""
    options = [
        click.option(
            "--context",
            metavar="NAME",
            help="The context of the kubeconfig.  [default: the current one]",
        ),
        click.option(
            "--kubeconfig",
            metavar="FILE",
            type=click.Path(dir_okay=False),
            help="How the cluster is reached.  [default: $KUBECONFIG, or ~/.kube/config]",
        ),
        click.option(
            "-n",
            "--namespace",
            metavar="NAME",
            help="The namespace that is read.  [default: the context's]",
        ),
        click.option(
            "-A", "--all-namespaces", is_flag=True, help="Read all namespaces of the cluster."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def policy_of(config: Configuration, select: tuple[str, ...], ignore: tuple[str, ...]) -> Policy:
    """What is to be reported, by a configuration and the options above."""
    return replace(config.policy, select=select, ignore=ignore)
