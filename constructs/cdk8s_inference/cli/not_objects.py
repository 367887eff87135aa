"""Files among manifests that hold no Kubernetes objects: charts, templates, values, and others."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.checks.rules.no_objects import foreign, not_rendered
from cdk8s_inference.findings import Finding, Place, Severity
from cdk8s_inference.source import Document

_RENDERED = "check what it renders: --render, or"
_HELM = f"{_RENDERED} helm template {{}} | cdk8s-inference check -"
_KUSTOMIZE = f"{_RENDERED} kubectl kustomize {{}} | cdk8s-inference check -"

TEMPLATE = "Helm template"
OTHER_TEMPLATE = "template file"
"""Of another tool, such as Terraform's ``templatefile`` or Jinja."""
CHART = "Helm chart"
VALUES = "Helm values file"
KUSTOMIZATION = "Kustomization"
PATCH = "Kustomize patch file"
OTHER = "foreign file"
DOCUMENT = "foreign document"
"""Without Kubernetes objects, as a file of Docker Compose or of a CI system."""

_FIXES = {
    TEMPLATE: _HELM,
    OTHER_TEMPLATE: "render it with its tool, and check the result",
    CHART: _HELM,
    VALUES: _HELM,
    KUSTOMIZATION: _KUSTOMIZE,
    PATCH: _KUSTOMIZE,
}
# At the start of a line: what is within another field may be an object that a report quotes.
_VERSION = re.compile(r"""^\{?['"]?apiVersion['"]?\s*:|^\s*\{?\s*"apiVersion"\s*:""", re.MULTILINE)
_KIND = re.compile(r"""^['"]?kind['"]?\s*:|"kind"\s*:|,\s*kind\s*:""", re.MULTILINE)
_DIRECTIVE = re.compile(r"%\{ *~? *(?:if|for|else|end)|\{%|<%")
"""Of Terraform, of Jinja, and of ERB: no YAML begins a value or a key so."""
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True)
class NotObjects:
    """A file, or a document of one, that holds no Kubernetes objects.

    Attributes:
        what: What it is instead.
        file: The file, as findings call it.
        line: The line of the document; None for the whole file.
        named: Whether the command line names the file, or the file holds objects beside it, so
            that an object was expected.
    """

    what: str
    file: str
    line: int | None
    named: bool


def is_object(data: Any) -> bool:
    """Whether plain data are a Kubernetes object: something with a kind that is meant as one."""
    return (
        isinstance(data, Mapping)
        and isinstance(data.get("kind"), str)
        and ("apiVersion" in data or "metadata" in data)
    )


def what_instead(file: str) -> str:
    """What a file without Kubernetes objects is, by its name."""
    folder, name = os.path.split(file)
    if name == "Chart.yaml":
        return CHART
    if name in KUSTOMIZATIONS:
        return KUSTOMIZATION
    if name.startswith("values") and os.path.exists(os.path.join(folder, "Chart.yaml")):
        return VALUES
    return OTHER


def unparsed(file: str, content: bytes, *, named: bool) -> NotObjects | None:
    """What a file that cannot be parsed is, unless it is to hold Kubernetes objects."""
    text = content.decode(errors="replace")
    if "{{" in text:
        return NotObjects(TEMPLATE, file, None, named)
    if _DIRECTIVE.search(text):
        return NotObjects(OTHER_TEMPLATE, file, None, named)
    if named or (_VERSION.search(text) and _KIND.search(text)):
        return None
    return NotObjects(OTHER, file, None, named)


def is_template(content: bytes, documents: Iterable[Document], problems: Sequence[Finding]) -> bool:
    """Whether a file is a template of Helm, as far as it was read.

    ``name: {{ .Name }}`` is YAML too: an object as the key of another.
    """
    broken = bool(problems) or any(document.findings for document in documents)
    return b"{{" in content and broken


def template(file: str) -> Finding:
    """The error about a template where a document to compose is expected."""
    folder = _rendered_folder(TEMPLATE, file)
    fix = f"compose what it renders: helm template {folder} | cdk8s-inference synth -"
    return not_rendered([Place("", "", file)], plural(1, TEMPLATE), fix, "error")


def is_kustomization(document: Document) -> bool:
    """Whether a document tells Kustomize what to build; the tools of a cluster have others."""
    data = document.data
    name = os.path.basename(document.file or "")
    if not isinstance(data, Mapping):
        return False
    version = str(data.get("apiVersion", ""))
    return version.startswith("kustomize.config.k8s.io/") or name in KUSTOMIZATIONS


def patches(kustomization: Document) -> Iterator[str]:
    """The real paths of the files that a Kustomization applies as patches."""
    root = kustomization.root
    folder = os.path.dirname(kustomization.file or "")
    entries = (*root["patches"].items(), *root["patchesJson6902"].items())
    paths = [item["path"].text for item in entries]
    for path in (*paths, *root["patchesStrategicMerge"].strings):
        if path and "\n" not in path:
            yield os.path.realpath(os.path.join(folder, path))


def findings(found: Iterable[NotObjects], *, alone: bool) -> Iterator[Finding]:
    """A finding for each kind of them.

    Args:
        found: The files and documents.
        alone: Whether no object was read beside them.
    """
    groups: dict[tuple[str, bool], list[NotObjects]] = defaultdict(list)
    for each in found:
        groups[each.what, each.named].append(each)
    for (what, named), group in groups.items():
        severity: Severity = "warning" if named or alone else "note"
        places = [Place("", "", each.file, each.line) for each in group]
        counted = plural(len(group), what)
        if what in _FIXES:
            fix = _FIXES[what].format(_rendered_folder(what, group[0].file))
            yield not_rendered(places, counted, fix, severity)
        else:
            yield foreign(places, counted, severity)


def _rendered_folder(what: str, file: str) -> str:
    """The folder that a file is rendered with."""
    folder = os.path.dirname(file)
    if what == TEMPLATE:
        above = folder
        while above and not os.path.isfile(os.path.join(above, "Chart.yaml")):
            above = os.path.dirname(above) if os.path.dirname(above) != above else ""
        return above or "CHART"
    return folder or os.curdir


def names(found: Iterable[NotObjects]) -> Iterator[str]:
    """Their number by what they are, as a summary names them."""
    groups: dict[str, int] = defaultdict(int)
    for each in found:
        groups[each.what] += 1
    for what, count in groups.items():
        yield plural(count, what)
