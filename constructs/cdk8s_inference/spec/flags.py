"""Reads an engine's flags from its command and arguments, shell scripts included."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cdk8s_inference.findings import Path

_SHELLS = frozenset({"sh", "ash", "bash", "dash", "zsh"})


@dataclass(frozen=True)
class FlagUse:
    """One place where a flag is given.

    Attributes:
        value: Its value as written; None where the words end before one.
        place: The element it stands in, such as ``("args", 3)``.
    """

    value: str | None
    place: Path


@dataclass(frozen=True)
class _Word:
    text: str
    place: Path


def uses(command: Sequence[str] | None, args: Sequence[str] | None, *flags: str) -> list[FlagUse]:
    """Every use of a flag, in either spelling (``--flag=value``, ``--flag value``).

    Uses in ``args`` come first, as Modelplane reads those alone; then those in ``command``,
    where gangs keep their flags in a ``sh -c`` script.

    >>> uses(["sh", "-c", "exec vllm serve m --port=8001"], None, "--port")
    [FlagUse(value='8001', place=('command', 2))]
    """
    words = [*_words("command", command or ()), *_words("args", args or ())]
    found = []
    for position, word in enumerate(words):
        name, equals, value = word.text.partition("=")
        if name not in flags:
            continue
        if equals:
            found.append(FlagUse(value, word.place))
        else:
            following = words[position + 1].text if position + 1 < len(words) else None
            found.append(FlagUse(following, word.place))
    return sorted(found, key=lambda use: use.place[0] != "args")


def _words(field: str, elements: Sequence[str]) -> Iterator[_Word]:
    script_at = _script_index(elements)
    for index, element in enumerate(elements):
        texts = _script_words(element) if index == script_at else [element]
        for text in texts:
            yield _Word(text, (field, index))


def _script_index(elements: Sequence[str]) -> int | None:
    if not elements or PurePosixPath(elements[0]).name not in _SHELLS:
        return None
    for index, element in enumerate(elements[1:], start=1):
        if element.startswith("-") and element.endswith("c"):
            return index + 1
    return None


def _script_words(script: str) -> list[str]:
    lexer = shlex.shlex(script.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # an unbalanced quote: the shell would refuse it as well
        return script.split()
