"""``cdk8s-inference check``: what would fail after the deploy, said before it."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

import click

from cdk8s_inference.checks.coverage import Coverage, coverage, plural
from cdk8s_inference.checks.policy import matches
from cdk8s_inference.cli import not_objects
from cdk8s_inference.cli.baseline import without_known, write
from cdk8s_inference.cli.cluster_api import cluster_api, release
from cdk8s_inference.cli.configuration import Configuration
from cdk8s_inference.cli.excerpt import Lines, with_excerpt
from cdk8s_inference.cli.failure import writing
from cdk8s_inference.cli.files import SUFFIXES, Input, inputs, unreadable
from cdk8s_inference.cli.fix import diff, mended
from cdk8s_inference.cli.fix import write as write_files
from cdk8s_inference.cli.formats import FORMATS, Report, written
from cdk8s_inference.cli.not_objects import NotObjects
from cdk8s_inference.cli.options import policy_of, selection
from cdk8s_inference.cli.rendering import Rendered, is_rendered, rendered
from cdk8s_inference.cli.report import SEVERITIES, counts, is_failure, styled
from cdk8s_inference.cli.stdout import say
from cdk8s_inference.cli.watch import watchable
from cdk8s_inference.findings import Finding, Severity
from cdk8s_inference.findings.secret import masked
from cdk8s_inference.findings.terminal import escaped
from cdk8s_inference.schemas import ClusterApi
from cdk8s_inference.source import Document, read
from cdk8s_inference.source.secrets import KnownSecrets
from cdk8s_inference.topology import read_topology

_ROUNDS = 20
"""How often files are mended and checked again, at most."""

_DOCUMENT_GROUPS = ("modelplane.ai/", "infrastructure.modelplane.ai/")


@dataclass
class _Read:
    """What the paths hold.

    Attributes:
        manifests: Kubernetes objects.
        documents: ModelDeployments and ServingStacks.
        others: What holds no objects.
        patched: The real paths of files that a Kustomization applies as patches.
        findings: What is wrong with the files.
        contents: The content of each file.
        read: What was read of all files.
        rendered: What was made of folders that are rendered.
    """

    manifests: list[Document] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    others: list[NotObjects] = field(default_factory=list)
    patched: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    read: list[Document] = field(default_factory=list)
    rendered: dict[str, Rendered] = field(default_factory=dict)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option(
    "--complete",
    is_flag=True,
    help="This is all there is: an object that is missing from it is an error.",
)
@click.option(
    "--render",
    is_flag=True,
    help="Render charts and Kustomize folders, with helm, kustomize or kubectl on PATH.",
)
@click.option(
    "--fix",
    is_flag=True,
    help="Fix in place what has one certain fix, and report the rest.",
)
@click.option(
    "--diff", "show_diff", is_flag=True, help="Show what --fix would change, and change nothing."
)
@click.option(
    "--kubernetes",
    metavar="RELEASE",
    callback=release,
    help="The cluster's release of Kubernetes, such as 1.36.  [default: any that is known]",
)
@click.option(
    "--schemas",
    metavar="DIR",
    multiple=True,
    type=click.Path(exists=True),
    help="CRDs that the cluster has, beside those that are known; give it once for each folder.",
)
@selection
@click.option(
    "--exclude",
    metavar="PATTERN",
    multiple=True,
    help="Files and folders to pass over in folders, such as '*/testdata'.",
)
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
@click.option("-q", "--quiet", is_flag=True, help="Report findings alone, without a summary.")
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
    checked as synth does. Nothing is asked of a cluster.

    Exit status: 0 nothing is wrong, 1 there are errors, 2 wrong usage.
    """
    if update_baseline and baseline is None:
        raise click.UsageError("--update-baseline needs --baseline FILE.")
    api = cluster_api(kubernetes, schemas)
    policy = policy_of(config, select, ignore)

    def judged() -> tuple[_Read, Coverage, list[Finding], list[Finding]]:
        found = _read(paths, _Excluded(exclude, policy.folder), render=render)
        findings, covered = _checked(found, complete, api)
        everything = [*found.findings, *findings]
        return found, covered, everything, policy.applied(everything)

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
        text = _statistics(shown)
    else:
        outcome = counts(findings) or ("nothing to report" if everything else "")
        text = _written(shown, format, found, covered, None if quiet else outcome)
    with writing("standard output"):
        say(text, nl=format != "text" and not statistics)
    sys.exit(1 if is_failure(findings, strict=strict) and not exit_zero else 0)


@dataclass(frozen=True)
class _Excluded:
    """What is passed over in folders.

    Attributes:
        patterns: Patterns of files and folders.
        folder: What they are relative to.
    """

    patterns: Sequence[str]
    folder: str

    def __contains__(self, path: str) -> bool:
        return any(matches(path, pattern, self.folder) for pattern in self.patterns)


def _statistics(findings: Sequence[Finding]) -> str:
    """How often each code is reported, the most frequent first."""
    from cdk8s_inference.checks.registry import all_rules

    counted = Counter(each.code for each in findings).most_common()
    rules = all_rules()
    return "".join(f"{count:>5}  {code}  {rules[code].title}\n" for code, count in counted)


def _read(paths: Sequence[str], excluded: _Excluded, *, render: bool) -> _Read:
    found = _Read()
    files = {path: list(_files(path, found, excluded, render=render)) for path in paths}
    named = {path for path in paths if not os.path.isdir(path)}
    holding: set[str] = set()
    for source in inputs([file for each in files.values() for file in each]):
        try:
            content = source.content() if source.argument not in found.rendered else b""
        except OSError as error:
            found.findings.append(unreadable(source, error))
            continue
        if (made := found.rendered.get(source.argument)) is not None:
            source, content = Input(made.name), made.content
        documents, problems = read(content, source.name, may_be_empty=True)
        is_named = source.argument in named
        unparsed = not_objects.unparsed(source.name, content, named=is_named) if problems else None
        if unparsed is not None:
            found.others.append(unparsed)
        else:
            found.findings += problems
        if b"{{" in content and any(document.findings for document in documents):
            # name: {{ .Name }} is YAML too: an object as the key of another.
            unparsed = NotObjects(not_objects.TEMPLATE, source.name, None, is_named)
            found.others.append(unparsed)
            documents = []
        if _sort(documents, source, content, found, is_named) or (problems and not unparsed):
            holding.add(source.argument)
        found.contents[source.name] = content
        found.read += documents
    _leave_patches_out(found)
    _mark_kustomized(found)
    found.findings += not_objects.findings(found.others, alone=not holding)
    told = {*(each.file for each in found.findings), *(each.file for each in found.others)}
    found.findings += _without_objects(
        path
        for path, each in files.items()
        if holding.isdisjoint(each) and told.isdisjoint(Input(file).name for file in each)
    )
    return found


def _files(path: str, found: _Read, excluded: _Excluded, *, render: bool) -> Iterator[str]:
    """A path's files: itself, or those of a folder that are YAML or JSON by their names.

    A folder that is rendered stands for what is made of it.

    What else a folder holds of such a name, such as a pipe, is not opened: it might never end. A
    folder that cannot be listed is a finding.
    """
    if not os.path.isdir(path):
        yield path
        return

    def unlisted(error: OSError) -> None:
        folder = error.filename if isinstance(error.filename, str) else path
        found.findings.append(unreadable(Input(folder), error))

    for folder, folders, files in os.walk(path, onerror=unlisted):
        if render and is_rendered(folder):
            found.rendered[folder] = rendered(folder)
            folders.clear()
            yield folder
            continue
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.join(folder, name) not in excluded
        )
        for name in sorted(files):
            file = os.path.join(folder, name)
            endless = os.path.exists(file) and not os.path.isfile(file)
            is_read = name.endswith(SUFFIXES) and not name.startswith(".")
            if is_read and not endless and file not in excluded:
                yield file


def _sort(
    documents: Sequence[Document], source: Input, content: bytes, found: _Read, named: bool
) -> bool:
    """Sorts the documents of a file, and says whether there is an object among them."""
    others, count = [], 0
    for document in documents:
        version = document.root["apiVersion"].text or ""
        if version.startswith(_DOCUMENT_GROUPS):
            found.documents.append(document)
            count += 1
        elif not_objects.is_kustomization(document):
            found.patched.update(not_objects.patches(document))
            found.others.append(NotObjects(not_objects.KUSTOMIZATION, source.name, None, named))
        elif not_objects.is_object(document.data):
            found.manifests.append(document)
            found.findings += document.findings
            count += 1
        else:
            others.append(document)
            found.findings += _embedded(document, content)
    if count:
        found.others += [
            NotObjects(not_objects.DOCUMENT, source.name, each.line(()), True) for each in others
        ]
    elif others:
        what = not_objects.what_instead(source.name)
        found.others.append(NotObjects(what, source.name, None, named))
    return count > 0


def _embedded(document: Document, content: bytes) -> list[Finding]:
    """The findings of pickers' configurations within a file that is no object, as Helm values."""
    if b"EndpointPickerConfig" not in content:
        return []
    from cdk8s_inference.picker_config.standalone import embedded_findings

    return list(embedded_findings(document))


def _leave_patches_out(found: _Read) -> None:
    """Moves the files that a Kustomization applies as patches from the objects to the others."""
    if not found.patched:
        return
    files = {each.file for each in found.manifests if each.file}
    patches = {file for file in files if os.path.realpath(file) in found.patched}
    found.manifests = [each for each in found.manifests if each.file not in patches]
    found.findings = [each for each in found.findings if each.file not in patches]
    found.others += [NotObjects(not_objects.PATCH, file, None, False) for file in sorted(patches)]


def _mark_kustomized(found: _Read) -> None:
    """Marks the objects beside a Kustomization, which may add what they lack."""
    folders = {
        os.path.dirname(each.file)
        for each in found.others
        if each.what == not_objects.KUSTOMIZATION
    }
    found.manifests = [
        replace(each, kustomized=True) if os.path.dirname(each.file or "") in folders else each
        for each in found.manifests
    ]


def _checked(found: _Read, complete: bool, api: ClusterApi) -> tuple[list[Finding], Coverage]:
    findings = list(_of_documents(found.documents))
    topology = read_topology(found.manifests, complete=complete, api=api)
    if found.manifests:
        from cdk8s_inference.checks import check_topology

        findings += check_topology(topology)
    kinds = [_kind(document) for document in found.documents]
    covered = coverage(topology, kinds, not_objects.names(found.others))
    if covered.unread:
        known = KnownSecrets(each for document in found.read for each in document.secrets)
        hidden = [masked(known.hidden_in(each)) for each in covered.unread]
        covered = replace(covered, unread=tuple(hidden))
    return findings, covered


def _kind(document: Document) -> str:
    kind = document.root["kind"].text
    return kind if kind is not None and kind.isalnum() else "document"


def _of_documents(documents: Sequence[Document]) -> Iterator[Finding]:
    # Each takes a tenth of a second to import, and most runs need one of them alone.
    if documents:
        from cdk8s_inference.checks.document import check_documents
        from cdk8s_inference.document.serving_stack import is_serving_stack
        from cdk8s_inference.stack.document import read_stack

        for document in filter(is_serving_stack, documents):
            yield from read_stack(document)[1]
        yield from check_documents(each for each in documents if not is_serving_stack(each))


def _without_objects(paths: Iterable[str]) -> list[Finding]:
    found = list(paths)
    if not found:
        return []
    from cdk8s_inference.checks.rules.no_objects import no_objects

    return [no_objects(Input(path).name) for path in found]


def _written(
    findings: Sequence[Finding], format: str, found: _Read, covered: Coverage, outcome: str | None
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
