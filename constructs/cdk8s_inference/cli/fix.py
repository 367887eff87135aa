"""Certain mends, made in the files themselves: the rest of a line and of a file stays as it is."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress

from cdk8s_inference.cli.excerpt import Lines
from cdk8s_inference.cli.failure import Failure
from cdk8s_inference.findings import Finding, Mend
from cdk8s_inference.findings.terminal import escaped
from cdk8s_inference.source import read

_ENDS = "\r\n"
_BOUNDARY = r"[\w./-]"


def mended(
    findings: Iterable[Finding], contents: Mapping[str, bytes]
) -> tuple[dict[str, bytes], int]:
    """The files that change, as they are then, and how many findings that mends.

    Args:
        findings: The findings; of those without a mend nothing is done.
        contents: The content of each file, as findings call it.
    """
    wanted: dict[str, dict[int, list[Mend]]] = defaultdict(lambda: defaultdict(list))
    for each in findings:
        file, line = each.file, each.line
        if each.mend is not None and file is not None and line is not None and file in contents:
            mends = wanted[file][line]
            if each.mend not in mends:
                mends.append(each.mend)
    changed, count = {}, 0
    for file, by_line in wanted.items():
        if not os.path.isfile(file):  # Standard input, or what a program rendered.
            continue
        lines = contents[file].decode(errors="surrogateescape").splitlines(keepends=True)
        made = 0
        for number, mends in by_line.items():
            for mend in mends:
                text = _on_line(lines[number - 1], mend)
                if text is not None:
                    lines[number - 1] = text
                    made += 1
        content = "".join(lines).encode(errors="surrogateescape")
        # What can no longer be read was no mend.
        if made and not read(content, file, may_be_empty=True)[1]:
            changed[file] = content
            count += made
    return changed, count


def _on_line(line: str, mend: Mend) -> str | None:
    """A line with a mend; None where its text is not there, or more than once."""
    spellings = [mend.old, mend.old.replace('"', "'")] if '"' in mend.old else [mend.old]
    for old in spellings:
        pattern = re.compile(rf"(?<!{_BOUNDARY}){re.escape(old)}(?!{_BOUNDARY})")
        comment = re.search(r"\s#", line)
        end = comment.start() if comment else len(line)
        found = list(pattern.finditer(line, 0, end))
        if len(found) == 1:
            return line[: found[0].start()] + mend.new + line[found[0].end() :]
    return None


def diff(changed: Mapping[str, bytes], contents: Mapping[str, bytes], lines: Lines) -> str:
    """What changes, as a unified diff that does not show the secrets of the files."""
    parts: list[str] = []
    for file, content in changed.items():
        before, after = (
            [
                lines.masked(text, file, number)
                for number, text in enumerate(
                    each.decode(errors="replace").splitlines(keepends=True), start=1
                )
            ]
            for each in (contents[file], content)
        )
        parts += difflib.unified_diff(before, after, file, file)
    return "".join(f"{escaped(part.rstrip(_ENDS))}\n" for part in parts)


def write(changed: Mapping[str, bytes]) -> None:
    """Writes files: each is its old or its new self at every moment.

    Raises:
        Failure: One cannot be written; it is as it was.
    """
    for file, content in changed.items():
        path = os.path.realpath(file)
        try:
            handle, made = tempfile.mkstemp(prefix=".cdk8s-inference-", dir=os.path.dirname(path))
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(content)
                os.chmod(made, os.stat(path).st_mode & 0o7777)
                os.replace(made, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(made)
                raise
        except OSError as error:
            raise Failure(f"Cannot write to {file!r}", error) from None
