"""What the files and folders of a command line hold, and what is found in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from cdk8s_inference.checks.coverage import Coverage, coverage
from cdk8s_inference.checks.policy import matches
from cdk8s_inference.cli import not_objects
from cdk8s_inference.cli.files import SUFFIXES, Input, inputs, unreadable
from cdk8s_inference.cli.not_objects import NotObjects
from cdk8s_inference.cli.progress import with_progress
from cdk8s_inference.cli.rendering import Rendered, is_rendered, rendered
from cdk8s_inference.findings import Finding, is_slip
from cdk8s_inference.findings.secret import masked
from cdk8s_inference.schemas import ClusterApi
from cdk8s_inference.source import Document, has_placeholder, read
from cdk8s_inference.source.secrets import KnownSecrets
from cdk8s_inference.topology import Topology, read_topology

_DOCUMENT_GROUPS = ("modelplane.ai", "infrastructure.modelplane.ai")
_DOCUMENT_KINDS = ("ModelDeployment", "ServingStack")


@dataclass
class Contents:
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
        unread: What else could not be read, such as kinds of a cluster, in words.
    """

    manifests: list[Document] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    others: list[NotObjects] = field(default_factory=list)
    patched: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    read: list[Document] = field(default_factory=list)
    rendered: dict[str, Rendered] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Excluded:
    """What is passed over in folders.

    Attributes:
        patterns: Patterns of files and folders.
        folder: What they are relative to.
    """

    patterns: Sequence[str]
    folder: str

    def __contains__(self, path: str) -> bool:
        return any(matches(path, pattern, self.folder) for pattern in self.patterns)


def read_paths(
    paths: Sequence[str], excluded: Excluded, *, render: bool = False, quiet: bool = False
) -> Contents:
    """What files and folders hold."""
    found = Contents()
    files = {path: list(_files(path, found, excluded, render=render)) for path in paths}
    named = {path for path in paths if not os.path.isdir(path)}
    holding: set[str] = set()
    sources = inputs([file for each in files.values() for file in each])
    for source in with_progress(sources, len(sources), "file", quiet=quiet):
        try:
            content = source.content() if source.argument not in found.rendered else b""
        except OSError as error:
            found.findings.append(unreadable(source, error))
            continue
        argument = source.argument
        if (made := found.rendered.get(argument)) is not None:
            source, content = Input(made.name), made.content
        documents, problems = read(content, source.name, may_be_empty=True)
        is_named = argument in named
        unparsed = not_objects.unparsed(source.name, content, named=is_named) if problems else None
        if unparsed is not None:
            found.others.append(unparsed)
        else:
            found.findings += problems
        if not_objects.is_template(content, documents, ()):
            unparsed = NotObjects(not_objects.TEMPLATE, source.name, None, is_named)
            found.others.append(unparsed)
            documents = []
        if _sort(documents, source, content, found, is_named) or (problems and not unparsed):
            holding.add(argument)
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


def _files(path: str, found: Contents, excluded: Excluded, *, render: bool) -> Iterator[str]:
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
    documents: Sequence[Document], source: Input, content: bytes, found: Contents, named: bool
) -> bool:
    """Sorts the documents of a file, and says whether there is an object among them."""
    others, count = [], 0
    for document in documents:
        if _is_document(document):
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


def _is_document(document: Document) -> bool:
    """Whether a document is one of Modelplane's, also where its apiVersion is missing or a slip."""
    root = document.root
    version = root["apiVersion"].text or ""
    group, slash, _ = version.partition("/")
    if slash and group in _DOCUMENT_GROUPS:
        return True
    if root["kind"].text not in _DOCUMENT_KINDS or has_placeholder(version):
        return False
    return not slash or any(is_slip(group, known) for known in _DOCUMENT_GROUPS)


def _embedded(document: Document, content: bytes) -> list[Finding]:
    """The findings of pickers' configurations within a file that is no object, as Helm values."""
    if b"EndpointPickerConfig" not in content:
        return []
    from cdk8s_inference.picker_config.standalone import embedded_findings

    return list(embedded_findings(document))


def _leave_patches_out(found: Contents) -> None:
    """Moves the files that a Kustomization applies as patches from the objects to the others."""
    if not found.patched:
        return
    files = {each.file for each in found.manifests if each.file}
    patches = {file for file in files if os.path.realpath(file) in found.patched}
    found.manifests = [each for each in found.manifests if each.file not in patches]
    found.findings = [each for each in found.findings if each.file not in patches]
    found.others += [NotObjects(not_objects.PATCH, file, None, False) for file in sorted(patches)]


def _mark_kustomized(found: Contents) -> None:
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


@dataclass(frozen=True)
class Checked:
    """What is found in what was read.

    Attributes:
        topology: The Kubernetes objects.
        findings: What is wrong with them, and with the documents; not with the files.
        coverage: How much of it was checked.
    """

    topology: Topology
    findings: list[Finding]
    coverage: Coverage


def checked(
    found: Contents, *, complete: bool = False, api: ClusterApi | None = None, quiet: bool = False
) -> Checked:
    """Checks what was read, as ``check`` does."""
    findings = list(_of_documents(found.documents))
    topology = read_topology(found.manifests, complete=complete, api=api)
    if found.manifests:
        from cdk8s_inference.checks import check_topology
        from cdk8s_inference.checks.plugins import load_rules
        from cdk8s_inference.checks.rule import RULES

        load_rules()
        rules = with_progress(RULES.values(), len(RULES), "rule", quiet=quiet)
        findings += check_topology(topology, rules=rules)
    kinds = [_kind(document) for document in found.documents]
    names = [*not_objects.names(found.others), *found.unread]
    covered = coverage(topology, kinds, names)
    if covered.unread:
        known = KnownSecrets(each for document in found.read for each in document.secrets)
        hidden = [masked(known.hidden_in(each)) for each in covered.unread]
        covered = replace(covered, unread=tuple(hidden))
    return Checked(topology, findings, covered)


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
