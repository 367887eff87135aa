"""Reads an engine's flags from its command and arguments, shell scripts included."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
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
    words = _words(command or (), args or ())
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


def _words(command: Sequence[str], args: Sequence[str]) -> list[_Word]:
    elements = [
        *(_Word(text, ("command", index)) for index, text in enumerate(command)),
        *(_Word(text, ("args", index)) for index, text in enumerate(args)),
    ]
    script = _script_index([element.text for element in elements]) if command else None
    words = []
    for index, element in enumerate(elements):
        texts = _script_words(element.text) if index == script else [element.text]
        words += [_Word(text, element.place) for text in texts]
    return words


def _script_index(elements: Sequence[str]) -> int | None:
    """Where the script of a ``sh -c`` stands; it may be the first of the arguments."""
    if PurePosixPath(elements[0]).name not in _SHELLS:
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
