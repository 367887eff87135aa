"""Findings with the lines that they are about."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.secret import MASK, masked
from cdk8s_inference.findings.terminal import escaped
from cdk8s_inference.source import Document
from cdk8s_inference.source.secrets import KnownSecrets, without

_WIDTH = 96
_READ = 4 * _WIDTH
"""Characters of a line that are looked at: the line of a file may be all of it."""

_VALUE = re.compile(r"^((?:- +)?[^\s:]+: *|- +).+")


@dataclass(frozen=True)
class Lines:
    """The lines of the files that findings name.

    Attributes:
        texts: Those of each file, by the name that findings call it.
        known: The secrets of the files.
        secrets: Those on a line of a file.
        parsed: The files of which all values, and so all secrets, are known.
    """

    texts: Mapping[str, Sequence[str]]
    known: KnownSecrets
    secrets: Mapping[tuple[str | None, int | None], Sequence[str]]
    parsed: frozenset[str]

    @staticmethod
    def of(
        findings: Iterable[Finding], contents: Mapping[str, bytes], documents: Iterable[Document]
    ) -> Lines:
        """The lines that findings are about.

        Args:
            findings: The findings.
            contents: The content of each file.
            documents: What was read of the files.
        """
        told = list(findings)
        named = {each.file for each in told} | {p.file for each in told for p in each.related}
        read = [each for each in documents if each.file in named]
        texts = {
            file: contents[file].decode(errors="replace").splitlines()
            for file in named
            if file is not None and file in contents
        }
        parsed = frozenset(each.file for each in read if each.file is not None)
        placed = [(each.file, each.line(at.path), at) for each in read for at in each.secrets]
        on_lines: dict[tuple[str | None, int | None], list[str]] = defaultdict(list)
        for name, line, secret in placed:
            on_lines[name, line].append(secret.text)
        return Lines(texts, KnownSecrets(each for _, _, each in placed), on_lines, parsed)

    def shown(self, file: str | None, line: int | None) -> str | None:
        """What is shown of a line; None where it was not read."""
        if file is None or line is None or not 0 < line <= len(self.texts.get(file, ())):
            return None
        return self.masked(self.texts[file][line - 1].strip()[:_READ], file, line)

    def masked(self, text: str, file: str, line: int) -> str:
        """The text of a line of a file, without the secrets in it."""
        text = masked(self.known.hidden_in(text))
        if file not in self.parsed:
            return _VALUE.sub(rf"\1{MASK}", text) if _is_variable(text) else text
        for secret in self.secrets.get((file, line), ()):
            hidden = without(text, secret)
            # A value in another spelling, such as with escapes, or that begins on the line.
            text = _VALUE.sub(rf"\1{MASK}", text) if hidden == text and MASK not in text else hidden
        return text


def _is_variable(text: str) -> bool:
    return text.removeprefix("- ").startswith(("value:", '"value":'))


def with_excerpt(finding: Finding, lines: Lines) -> str:
    """A finding's text, with the line of each place that it names."""
    head, *rest = str(finding).split("\n")
    shown = [head, *_line(finding.file, finding.line, lines)]
    related = iter(finding.related)
    for text in rest:
        shown.append(text)
        if text.startswith("    see: "):
            place = next(related)
            shown += _line(place.file, place.line, lines)
    return "\n".join(shown)


def _line(file: str | None, line: int | None, lines: Lines) -> list[str]:
    text = lines.shown(file, line)
    if text is None:
        return []
    text = escaped(text)
    return [f"  {line:>6} | {text if len(text) <= _WIDTH else text[: _WIDTH - 3] + '...'}"]
