"""``cdk8s-inference check``: what would fail after the deploy, said before it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import click

from cdk8s_inference.cli.excerpt import with_excerpt
from cdk8s_inference.cli.files import Input, inputs, unreadable
from cdk8s_inference.cli.report import counts, plural, printable, styled
from cdk8s_inference.findings import Finding, errors
from cdk8s_inference.source import Document, read

_SUFFIXES = (".yaml", ".yml", ".json")
_FORMATS = ("text", "json", "sarif", "github")
_DOCUMENT_GROUPS = ("modelplane.ai/", "infrastructure.modelplane.ai/")


@dataclass
class _Read:
    """What the paths hold.

    Attributes:
        manifests: Kubernetes objects.
        documents: ModelDeployments and ServingStacks.
        findings: What is wrong with the files.
        lines: The lines of each file.
    """

    manifests: list[Document] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option(
    "--format",
    "format",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="How findings are written, to standard output.",
)
def check(paths: tuple[str, ...], strict: bool, format: str) -> None:
    """Say what would fail after a deploy, before it.

    Each PATH is a file, a folder or - for standard input. It holds Kubernetes manifests of any
    origin, which are checked together, or ModelDeployment and ServingStack documents, which are
    checked as synth does. Nothing is asked of a cluster.

    Exit status: 0 nothing is wrong, 1 there are errors, 2 wrong usage.
    """
    found = _read(paths)
    findings = [*found.findings, *_judged(found)]
    click.echo(_written(findings, format, found), nl=format != "text")
    failing = errors(findings) or (strict and any(f.severity == "warning" for f in findings))
    sys.exit(1 if failing else 0)


def _read(paths: Sequence[str]) -> _Read:
    found = _Read()
    files = {path: list(_files(path)) for path in paths}
    empty: set[str] = set()
    for source in inputs([file for each in files.values() for file in each]):
        try:
            content = source.content()
        except OSError as error:
            found.findings.append(unreadable(source, error))
            continue
        documents, problems = read(content, source.name, may_be_empty=True)
        found.findings += problems
        found.lines[source.name] = content.decode(errors="replace").splitlines()
        for document in documents:
            _sort(document, found)
        if not documents and not problems:
            empty.add(source.argument)
    found.findings += _without_objects(
        path for path, each in files.items() if empty.issuperset(each)
    )
    return found


def _files(path: str) -> Iterator[str]:
    """A path's files: itself, or those of a folder that are YAML or JSON by their names."""
    if not os.path.isdir(path):
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield os.path.join(folder, name)


def _sort(document: Document, found: _Read) -> None:
    data = document.data if isinstance(document.data, dict) else {}
    version = data.get("apiVersion")
    if isinstance(version, str) and version.startswith(_DOCUMENT_GROUPS):
        found.documents.append(document)
    else:
        found.manifests.append(document)
        found.findings += document.findings


def _judged(found: _Read) -> Iterator[Finding]:
    # Each takes a tenth of a second to import, and most runs need one of them alone.
    if found.documents:
        from cdk8s_inference.checks.document import check_document
        from cdk8s_inference.document.serving_stack import is_serving_stack
        from cdk8s_inference.stack.document import read_stack

        for document in found.documents:
            if is_serving_stack(document):
                yield from read_stack(document)[1]
            else:
                yield from check_document(document)[1]
    if found.manifests:
        from cdk8s_inference.checks import check as check_manifests

        yield from check_manifests(found.manifests)


def _without_objects(paths: Iterable[str]) -> list[Finding]:
    found = list(paths)
    if not found:
        return []
    from cdk8s_inference.checks.rules.no_objects import no_objects

    return [no_objects(Input(path).name) for path in found]


def _written(findings: Sequence[Finding], format: str, found: _Read) -> str:
    if format == "json":
        import json

        return json.dumps([finding.as_dict() for finding in findings], indent=2)
    if format in ("sarif", "github"):
        from cdk8s_inference.cli.sarif import github, sarif

        return sarif(findings) if format == "sarif" else github(findings)
    texts = [styled(finding, with_excerpt(printable(finding), found.lines)) for finding in findings]
    objects = len(found.manifests) + len(found.documents)
    texts.append(f"{counts(findings) or 'nothing wrong'} in {plural(objects, 'object')}")
    return "\n".join(texts) + "\n"
