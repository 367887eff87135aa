"""``cdk8s-inference check``: what would fail after the deploy, said before it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import get_args

import click

from cdk8s_inference.checks.coverage import Coverage, plural
from cdk8s_inference.cli.baseline import without_known, write
from cdk8s_inference.cli.cluster_api import cluster_api
from cdk8s_inference.cli.configuration import Configuration
from cdk8s_inference.cli.contents import Contents, Excluded, checked, read_paths
from cdk8s_inference.cli.excerpt import Lines, with_excerpt
from cdk8s_inference.cli.failure import writing
from cdk8s_inference.cli.fix import diff, mended
from cdk8s_inference.cli.fix import write as write_files
from cdk8s_inference.cli.formats import FORMATS, Report, written
from cdk8s_inference.cli.live_input import LiveInput, said_once
from cdk8s_inference.cli.options import (
    cluster_access,
    exclude_option,
    kubernetes_option,
    policy_of,
    render_option,
    selection,
)
from cdk8s_inference.cli.report import SEVERITIES, counts, is_failure, styled
from cdk8s_inference.cli.stdout import say
from cdk8s_inference.cli.watch import watchable
from cdk8s_inference.cluster.admitted import ADMITTED
from cdk8s_inference.findings import Finding, Severity
from cdk8s_inference.findings.terminal import escaped

_ROUNDS = 20
"""How often files are mended and checked again, at most."""


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path())
@click.option("--cluster", is_flag=True, help="Check the objects of a running cluster.")
@cluster_access
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option(
    "--complete",
    is_flag=True,
    help="This is all there is: an object that is missing from it is an error.",
)
@render_option
@click.option(
    "--fix",
    is_flag=True,
    help="Fix in place what has one certain fix, and report the rest.",
)
@click.option(
    "--diff", "show_diff", is_flag=True, help="Show what --fix would change, and change nothing."
)
@kubernetes_option
@click.option(
    "--schemas",
    metavar="DIR",
    multiple=True,
    type=click.Path(exists=True),
    help="CRDs that the cluster has, beside those that are known; give it once for each folder.",
)
@selection
@exclude_option
@click.option(
    "--severity",
    type=click.Choice(get_args(Severity)),
    default="note",
    show_default=True,
    help="The lowest severity that is reported.",
)
@click.option(
    "--baseline",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Report only findings that are not in this file.",
)
@click.option(
    "--update-baseline", is_flag=True, help="Write what is found to the file of --baseline."
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0, whatever is found.")
@click.option("--statistics", is_flag=True, help="Report how many findings each code has.")
@click.option("-q", "--quiet", is_flag=True, help="Report findings alone: no summary, no progress.")
@click.option(
    "--format",
    "format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How findings are written, to standard output.",
)
@watchable("paths")
def check(
    paths: tuple[str, ...],
    cluster: bool,
    context: str | None,
    kubeconfig: str | None,
    namespace: str | None,
    all_namespaces: bool,
    strict: bool,
    complete: bool,
    render: bool,
    fix: bool,
    show_diff: bool,
    kubernetes: str | None,
    schemas: tuple[str, ...],
    config: Configuration,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    severity: Severity,
    baseline: str | None,
    update_baseline: bool,
    exit_zero: bool,
    statistics: bool,
    quiet: bool,
    format: str,
) -> None:
    """Say what would fail after a deploy, before it.

    Each PATH is a file, a folder or - for standard input. It holds Kubernetes manifests of any
    origin, which are checked together, or ModelDeployment and ServingStack documents, which are
    checked as synth does. Nothing is asked of a cluster, unless --cluster is given instead of a
    PATH: then the objects in it are checked, and nothing in it is changed.

    Exit status: 0 nothing is wrong, 1 there are errors, 2 wrong usage.
    """
    if statistics and format not in ("text", "json"):
        raise click.UsageError(f"--statistics is written as text or json, not as {format}.")
    if update_baseline and baseline is None:
        raise click.UsageError("--update-baseline needs --baseline FILE.")
    live = LiveInput(context, kubeconfig, namespace, all_namespaces)
    _refuse_contradictions(
        paths,
        live if cluster else None,
        others=live != LiveInput(),
        files=fix or show_diff or render,
    )
    api = ADMITTED if cluster else cluster_api(kubernetes, schemas)
    policy = policy_of(config, select, ignore)

    def judged() -> tuple[Contents, Coverage, list[Finding], list[Finding]]:
        if cluster:
            found = live.contents()
        else:
            found = read_paths(paths, Excluded(exclude, policy.folder), render=render, quiet=quiet)
        outcome = checked(found, complete=complete, api=api, quiet=quiet)
        everything = [*found.findings, *outcome.findings]
        return found, outcome.coverage, everything, policy.applied(everything)

    found, covered, everything, findings = judged()
    if show_diff:
        changed, _ = mended(findings, found.contents)
        with writing("standard output"):
            lines = Lines.of(findings, found.contents, found.read)
            say(diff(changed, found.contents, lines), nl=False)
        sys.exit(1 if changed and not exit_zero else 0)
    mends = 0
    # One mend may be of several places, of which one is told, or show what is wrong beside it.
    for _ in range(_ROUNDS if fix else 0):
        changed, count = mended(findings, found.contents)
        if not changed:
            break
        write_files(changed)
        mends += count
        found, covered, everything, findings = judged()
    if fix:
        click.echo(f"{plural(mends, 'mend')} made", err=True)
    if update_baseline and baseline is not None:
        count = write(findings, baseline)
        click.echo(f"{plural(count, 'finding')} written to {baseline}", err=True)
    if baseline is not None:
        findings = list(without_known(findings, baseline))
    loud = SEVERITIES[: SEVERITIES.index(severity) + 1]
    shown = [each for each in findings if each.severity in loud]
    if statistics:
        text = _statistics(shown, format)
    else:
        if cluster and format == "text":
            shown = list(map(said_once, shown))
        outcome = counts(findings) or ("nothing to report" if everything else "")
        text = _written(shown, format, found, covered, None if quiet else outcome)
    with writing("standard output"):
        say(text, nl=format != "text" and not statistics)
    sys.exit(1 if is_failure(findings, strict=strict) and not exit_zero else 0)


def _refuse_contradictions(
    paths: Sequence[str], live: LiveInput | None, *, others: bool, files: bool
) -> None:
    """Refuses options that have no meaning together.

    Args:
        paths: The paths.
        live: The cluster, where one is to be checked.
        others: Whether options are given that say which cluster.
        files: Whether options are given that are about files alone.

    Raises:
        click.UsageError: There are such options.
    """
    if live is None:
        if others:
            raise click.UsageError(
                "--context, --kubeconfig, --namespace and --all-namespaces need --cluster."
            )
        if not paths:
            raise click.UsageError("Missing argument 'PATH...'; or give --cluster.")
        return
    if paths:
        raise click.UsageError("--cluster takes no PATH: what runs is checked, and not files.")
    if files:
        raise click.UsageError("--fix, --diff and --render change or read files, not --cluster.")
    if live.namespace and live.all_namespaces:
        raise click.UsageError("--namespace and --all-namespaces contradict each other.")


def _statistics(findings: Sequence[Finding], format: str) -> str:
    """How often each code is reported, the most frequent first."""
    from cdk8s_inference.checks.registry import all_rules

    counted = Counter(each.code for each in findings).most_common()
    rules = all_rules()
    if format == "json":
        entries = [
            {"code": code, "count": count, "title": rules[code].title} for code, count in counted
        ]
        return f"{json.dumps(entries, indent=2)}\n"
    return "".join(f"{count:>5}  {code}  {rules[code].title}\n" for code, count in counted)


def _written(
    findings: Sequence[Finding],
    format: str,
    found: Contents,
    covered: Coverage,
    outcome: str | None,
) -> str:
    """The findings in a format; as text with an outcome, unless that is None."""
    if format != "text":
        return written(format, Report(findings, covered, tuple(found.contents)))
    lines = Lines.of(findings, found.contents, found.read)
    texts = [styled(finding, with_excerpt(finding, lines)) for finding in findings]
    clean = "nothing wrong" if covered.is_whole else "nothing found"
    if outcome is not None:
        texts.append(f"{outcome or clean} in {escaped(str(covered))}")
    return "".join(f"{text}\n" for text in texts)
