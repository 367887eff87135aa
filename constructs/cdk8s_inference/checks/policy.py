"""Which findings a project wants to hear of, and how loud: selection, severities and waivers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatch

from cdk8s_inference.checks.causes import Reported
from cdk8s_inference.checks.rules.waivers import WAIVER_RULES, AppliedWaiver
from cdk8s_inference.checks.waiver import Waiver, waived
from cdk8s_inference.findings import Finding, Severity


@dataclass(frozen=True)
class FileWaiver:
    """A waiver of a project's configuration.

    Attributes:
        waiver: The waiver.
        files: Patterns of the files that it is about; empty for all.
    """

    waiver: Waiver
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """What a project wants to hear of.

    Codes are given whole, such as ``T503``, or as what they begin with, such as ``T5``. Where
    several apply to a code, the longest counts.

    Attributes:
        select: The codes to report; empty for all.
        ignore: The codes not to report.
        per_file_ignores: The codes not to report, by patterns of files.
        severities: The severity of codes that have another one by themselves.
        waivers: Waivers beside those of the objects' annotations.
        folder: What patterns of files are relative to; the current folder by default.
        file: The file that all of this is from, if there is one.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    waivers: tuple[FileWaiver, ...] = ()
    folder: str = ""
    file: str | None = None

    def applied(self, findings: Iterable[Finding], today: date | None = None) -> list[Finding]:
        """The findings that are reported, as they are.

        Args:
            findings: All findings.
            today: The day by which a waiver may have expired; default today.
        """
        today = today or date.today()
        found = [self._judged(each) for each in self._selected(findings)]
        for entry in self.waivers:
            found = list(self._waived(found, entry, today))
        return found

    def reports(self, code: str, file: str | None) -> bool:
        """Whether findings of a code are reported about a file."""
        ignored = list(self.ignore)
        for pattern, codes in self.per_file_ignores.items():
            if file is not None and matches(file, pattern, self.folder):
                ignored += codes
        selected = _longest(code, self.select) if self.select else 0
        return selected > _longest(code, ignored)

    def _selected(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Where a cause is not reported, what follows from it still is."""
        for each in findings:
            consequences = tuple(self._selected(each.consequences))
            if self.reports(each.code, each.file):
                yield replace(each, consequences=consequences)
            else:
                yield from consequences

    def _judged(self, finding: Finding) -> Finding:
        found = max(
            (prefix for prefix in self.severities if finding.code.startswith(prefix)),
            key=len,
            default=None,
        )
        return finding if found is None else replace(finding, severity=self.severities[found])

    def _waived(
        self, findings: Sequence[Finding], entry: FileWaiver, today: date
    ) -> Iterator[Finding]:
        used = False
        for each in findings:
            about = not entry.files or any(
                each.file is not None and matches(each.file, pattern, self.folder)
                for pattern in entry.files
            )
            if about:
                (judged,), (is_used,) = waived([Reported(each)], [entry.waiver], today)
                used |= is_used
                each = judged.finding
            yield each
        for each in WAIVER_RULES.findings(AppliedWaiver(entry.waiver, used, today)):
            yield replace(each, file=self.file)


def _longest(code: str, prefixes: Iterable[str]) -> int:
    """The length of the longest of some beginnings that a code has; -1 where it has none."""
    return max((len(each) for each in prefixes if code.startswith(each)), default=-1)


def matches(file: str, pattern: str, folder: str = "") -> bool:
    """Whether a file is one that a pattern names: itself, its name alone, or a folder above it.

    >>> matches("k8s/old/pool.yaml", "old"), matches("k8s/pool.yaml", "k8s/*.yaml")
    (True, True)
    >>> matches("k8s/pool.yaml", "pool")
    False
    """
    path = os.path.relpath(file, folder or os.curdir).replace(os.sep, "/")
    pattern = pattern.removeprefix("./").rstrip("/")
    parts = path.split("/")
    above = ["/".join(parts[: index + 1]) for index in range(len(parts))]
    if "/" not in pattern:
        above += parts
    return any(fnmatch(each, pattern) for each in above)
