"""``cdk8s-inference diff``: what a change of manifests does to what they serve."""

from __future__ import annotations

import os
import sys

import click

from cdk8s_inference.cli.cluster_api import cluster_api
from cdk8s_inference.cli.configuration import Configuration
from cdk8s_inference.cli.contents import Contents, Excluded, read_paths
from cdk8s_inference.cli.diff_formats import FORMATS, written
from cdk8s_inference.cli.failure import writing
from cdk8s_inference.cli.git_revision import at_revision
from cdk8s_inference.cli.options import (
    exclude_option,
    kubernetes_option,
    policy_of,
    render_option,
    selection,
)
from cdk8s_inference.cli.stdout import say
from cdk8s_inference.findings import Finding
from cdk8s_inference.schemas import ClusterApi
from cdk8s_inference.topology import Topology, read_topology

_DEFAULT = "dist"


@click.command()
@click.argument("paths", metavar="[OLD NEW | PATH...]", nargs=-1, type=click.Path())
@click.option(
    "--git",
    "revision",
    metavar="REV",
    help="Compare the paths as they were committed there, such as HEAD or origin/main, with the "
    "working tree.  [default path: dist]",
)
@render_option
@kubernetes_option
@selection
@exclude_option
@click.option(
    "--format",
    "format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How the change is written, to standard output.",
)
@click.option(
    "--exit-code", is_flag=True, help="Exit with 1 where a running pod restarts or stops."
)
def diff(
    paths: tuple[str, ...],
    revision: str | None,
    render: bool,
    kubernetes: str | None,
    config: Configuration,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    format: str,
    exit_code: bool,
) -> None:
    """Say what a change of manifests does to what they serve, before it is applied.

    OLD and NEW are files or folders of Kubernetes manifests of any origin. With --git each PATH is
    compared with itself as it was committed. Nothing is asked of a cluster.

    It says which pods restart and how many accelerators they have, what the rollout does
    meanwhile, whether old and new pods work together, what the API server refuses to change, and
    which findings of check appear and go.

    Exit status: 0 it was compared, 1 with --exit-code where a running pod restarts or stops, 2
    wrong usage, or something could not be read.
    """
    if revision is None and len(paths) != 2:
        raise click.UsageError("It needs OLD and NEW, or --git REV.")
    api = cluster_api(kubernetes, ())
    policy = policy_of(config, select, ignore)
    excluded = Excluded(exclude, policy.folder)

    if revision is None:
        before = read_paths(paths[:1], excluded, render=render)
        after = read_paths(paths[1:], excluded, render=render)
    else:
        tracked = paths or (_DEFAULT,)
        with at_revision(revision, tracked, whole=render) as committed:
            before = _read([*committed.values()], excluded, render=render)
        # What is not in the working tree any longer is gone, and is no path that is written wrong.
        left = [path for path in tracked if path not in committed or os.path.lexists(path)]
        after = _read(left, excluded, render=render)
    old, old_findings = _topology(before, revision or "OLD", api)
    new, new_findings = _topology(after, "the working tree" if revision else "NEW", api)

    from cdk8s_inference.diff import compared

    comparison = compared(old, new, policy.applied(old_findings), policy.applied(new_findings))
    with writing("standard output"):
        say(written(format, comparison), nl=False)
    sys.exit(1 if exit_code and comparison.restarts else 0)


def _read(paths: list[str], excluded: Excluded, *, render: bool) -> Contents:
    return read_paths(paths, excluded, render=render) if paths else Contents()


def _topology(contents: Contents, side: str, api: ClusterApi) -> tuple[Topology, list[Finding]]:
    """The objects that were read, and what is wrong with them.

    Raises:
        click.UsageError: Something could not be read, so that a comparison would be wrong.
    """
    from cdk8s_inference.checks import check_topology

    unread = [each for each in contents.findings if each.severity == "error"]
    if unread:
        raise click.UsageError("\n".join([f"{side} cannot be compared:", *map(str, unread)]))
    if contents.documents:
        raise click.UsageError(
            f"{side} holds a {contents.documents[0].root['kind'].text or 'document'}; compose it "
            "with cdk8s-inference synth, and compare what that writes."
        )
    topology = read_topology(contents.manifests, api=api)
    return topology, [*contents.findings, *check_topology(topology)]
