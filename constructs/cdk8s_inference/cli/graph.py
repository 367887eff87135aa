"""``cdk8s-inference graph``: what is served, as a picture."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.cli.cluster_api import cluster_api
from cdk8s_inference.cli.configuration import Configuration
from cdk8s_inference.cli.contents import Contents, Excluded, checked, read_paths
from cdk8s_inference.cli.failure import writing
from cdk8s_inference.cli.files import STDIN, Input
from cdk8s_inference.cli.options import (
    exclude_option,
    kubernetes_option,
    policy_of,
    render_option,
    selection,
)
from cdk8s_inference.cli.output import write
from cdk8s_inference.cli.report import report
from cdk8s_inference.cli.stdout import to_stdout
from cdk8s_inference.findings import Finding, errors
from cdk8s_inference.graph import FORMATS, Format, Graph, graph_of
from cdk8s_inference.source import read
from cdk8s_inference.source.unreadable import D001, D002

EXIT_INVALID_INPUT = 1

_UNREAD = (D001.code, D002.code)
"""What leaves nothing to draw of a file."""


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--format",
    "format",
    type=click.Choice(FORMATS),
    help="How the graph is written.  [default: by the name of --output, else mermaid]",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file, instead of standard output.",
)
@click.option(
    "--deployment",
    "deployments",
    metavar="NAME",
    multiple=True,
    help="Draw only this deployment, by its name or as NAMESPACE/NAME; give it once for each.",
)
@render_option
@kubernetes_option
@selection
@exclude_option
def graph(
    paths: tuple[str, ...],
    format: Format | None,
    output: Path | None,
    deployments: tuple[str, ...],
    render: bool,
    kubernetes: str | None,
    config: Configuration,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
) -> None:
    """Draw what manifests serve: from the gateway to devices, with findings where they bite.

    Each PATH is a file, a folder or - for standard input. It holds Kubernetes manifests of any
    origin, or ModelDeployment documents, which are composed as synth does without options. Each
    deployment is drawn with its routes, pool, picker, sidecars, engines, claims and
    volumes, and the ports between them. What check finds is marked on the part that it is about.

    Exit status: 0 written, whatever is found in the objects, 1 a file cannot be read or nothing
    serves a model, 2 wrong usage.
    """
    policy = policy_of(config, select, ignore)
    found = read_paths(paths, Excluded(exclude, policy.folder), render=render)
    unread = [each for each in found.findings if each.code in _UNREAD]
    composed = _composed(found)
    if refused := [*unread, *errors(composed)]:
        report(refused, "text", "nothing written")
        sys.exit(EXIT_INVALID_INPUT)
    findings = [*found.findings, *composed]
    found.documents = []
    outcome = checked(found, api=cluster_api(kubernetes, ()))
    findings += outcome.findings
    drawn = graph_of(outcome.topology, policy.applied(findings))
    if deployments:
        drawn = _only(drawn, deployments)
    if not drawn.sections:
        report(policy.applied(found.findings), "text", None)
        raise NothingServes(len(outcome.topology.objects))
    text = drawn.written(format or _format_of(output))
    if output is None:
        with writing("standard output"):
            to_stdout([text])
        return
    with writing(repr(str(output))):
        write({output.name: text}, output.parent)
    click.echo(f"{plural(len(drawn.sections), 'deployment')} drawn in {output}", err=True)


class NothingServes(click.ClickException):
    """Nothing that was read serves a model."""

    exit_code = EXIT_INVALID_INPUT

    def __init__(self, objects: int) -> None:
        read = plural(objects, "object")
        super().__init__(f"nothing serves a model in {read} that were read: no engine, no pool")


def _composed(found: Contents) -> list[Finding]:
    """Puts what is composed from the documents among the manifests; what is wrong with them."""
    if not found.documents:
        return []
    from cdk8s_inference.checks.document import check_document
    from cdk8s_inference.cli.compose import compose
    from cdk8s_inference.cli.inputs import Loaded
    from cdk8s_inference.document.serving_stack import is_serving_stack
    from cdk8s_inference.platform import Platform

    platform = Platform()
    findings: list[Finding] = []
    loaded = []
    for document in found.documents:
        if is_serving_stack(document):
            continue
        deployment, said = check_document(document, platform, namespace=None)
        findings += said
        if deployment is not None:
            loaded.append(Loaded(deployment, said, document, Input(document.file or STDIN)))
    for composed in compose(loaded, platform, 1):
        found.manifests += read(composed.text.encode())[0]
    return findings


def _only(drawn: Graph, names: Sequence[str]) -> Graph:
    """The deployments of some names.

    Raises:
        UsageError: There is none of a name.
    """
    for name in names:
        if not drawn.of(name).sections:
            known = ", ".join(f"{each.namespace}/{each.title}" for each in drawn.sections)
            raise click.UsageError(f"there is no deployment {name!r}; there are {known}")
    return drawn.of(*names)


def _format_of(output: Path | None) -> Format:
    """The format of a file by its name; Mermaid where it does not say."""
    return _BY_SUFFIX.get("" if output is None else output.suffix.lower(), "mermaid")


_BY_SUFFIX: Mapping[str, Format] = {
    ".dot": "dot",
    ".gv": "dot",
    ".htm": "html",
    ".html": "html",
    ".svg": "svg",
}
