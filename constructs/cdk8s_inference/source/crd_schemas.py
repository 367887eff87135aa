"""The schemas of CustomResourceDefinitions, which are most of many texts and are not read."""

from __future__ import annotations

import re

_DOCUMENT = re.compile(r"^(?=---(?:[ \t\r\n]|$))", re.MULTILINE)
_IS_CRD = re.compile(r"^kind: *[\"']?CustomResourceDefinition\b", re.MULTILINE)
_READ = re.compile(r"^  name: *[\"']?(?:inferencepools|disaggregatedsets)\.", re.MULTILINE)
_SCHEMA = re.compile(
    r"^(?P<indent> +)(?P<key>(?:- )?openAPIV3Schema:[ \t]*\r?\n)"
    r"(?P<schema>(?:(?P=indent) +[^ \t\r\n].*\n|[ \t\r]*\n)+)",
    re.MULTILINE,
)
_ANCHOR = re.compile(r"(?:: +|- +)[&*][A-Za-z0-9]")


def without_schemas(text: str) -> str:
    """The text with empty lines in the place of such schemas, so that every line stays in place.

    A schema has thousands of fields, and rules ask for those of InferencePools and
    DisaggregatedSets alone. One that has anchors or aliases stays as well: they may stand for
    something outside of it.
    """
    if "openAPIV3Schema" not in text:
        return text
    return "".join(map(_shortened, _DOCUMENT.split(text)))


def _shortened(document: str) -> str:
    if not _IS_CRD.search(document) or _READ.search(document):
        return document
    return _SCHEMA.sub(_emptied, document)


def _emptied(match: re.Match[str]) -> str:
    schema = match["schema"]
    if _ANCHOR.search(schema):
        return match[0]
    return f"{match['indent']}{match['key']}" + "\n" * schema.count("\n")
