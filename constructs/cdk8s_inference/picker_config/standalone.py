"""A picker's configuration as a file of its own, or within Helm values: no picker was read."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from cdk8s_inference.findings import Finding, near_name
from cdk8s_inference.picker_config.document import PickerDocument
from cdk8s_inference.picker_config.verdict import assess_source
from cdk8s_inference.releases import RELEASES, ROUTER_NEWEST, PickerRelease
from cdk8s_inference.source import Cursor, Document, has_placeholder, read

KIND = "EndpointPickerConfig"


def standalone_findings(source: Document) -> list[Finding]:
    """The findings of a configuration whose picker's release is not known.

    What every release that reads its apiVersion reports has its own severity; what only some of
    them report is a note.
    """
    releases = _releases(source)
    newest = releases[-1]
    document = PickerDocument(source, newest)
    # Prefill and decode pods are meant where the handler has stages for them.
    disaggregated = any(document.stage_handlers())
    verdicts = [assess_source(source, release, disaggregated=disaggregated) for release in releases]
    reported = [{(each.code, each.path) for each in verdict.findings} for verdict in verdicts]
    own = {each.place.path for each in _plugins_of_ones_own(document)}
    return [
        _judged(
            finding, own, all((finding.code, finding.path) in each for each in reported), newest
        )
        for finding in verdicts[-1].findings
    ]


def _judged(
    finding: Finding, own: Container[str], everywhere: bool, newest: PickerRelease
) -> Finding:
    if finding.code == "P106" and finding.path in own:
        message = f"{finding.message}; a picker of your own may"
        return replace(finding, severity="warning", message=message)
    if everywhere:
        return finding
    return replace(finding, severity="note", message=f"{finding.message} ({newest.title})")


def _plugins_of_ones_own(document: PickerDocument) -> Iterator[Cursor]:
    """The types of plugins that no release has, and that are no slips of one that it has."""
    known = document.release.plugins()
    for plugin in document.listed:
        if plugin.type and plugin.known is None and near_name(plugin.type, known) is None:
            yield plugin.at["type"]


def embedded_findings(document: Document) -> Iterator[Finding]:
    """The findings of configurations that stand as texts in a file, such as Helm values."""
    for text in document.root.descendants():
        if text.text is not None and f"kind: {KIND}" in text.text:
            yield from _of_text(document, text)


def _of_text(document: Document, at: Cursor) -> Iterator[Finding]:
    content = at.text or ""
    if "{{" in content or has_placeholder(content):
        return
    documents, _ = read(content.encode())
    place = at.place
    for each in documents:
        for finding in standalone_findings(each):
            line = place.line
            # A block of text starts a line after its key.
            if line is not None and finding.line is not None and "\n" in content:
                line += finding.line
            path = ": ".join(part for part in (place.path, finding.path) if part)
            yield replace(finding, file=document.file, line=line, path=path)


def _releases(source: Document) -> Sequence[PickerRelease]:
    version = source.root["apiVersion"].value
    return [release for release in RELEASES if version in release.picker.config.api_versions] or [
        ROUTER_NEWEST
    ]
