"""Reads an engine's flags from its command and arguments, shell scripts included."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from cdk8s_inference.findings import Path

SHELLS = frozenset({"sh", "ash", "bash", "dash", "zsh"})
"""Programs that take a script after ``-c``."""


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
class Given:
    """A flag as it is given.

    Attributes:
        name: With its dashes.
        value: What follows ``=``, else the next word; None where the words end before one.
        joined: Whether the value is joined by ``=``. Only the flag itself knows whether it takes
            the next word.
        place: The element it stands in.
    """

    name: str
    value: str | None
    joined: bool
    place: Path


@dataclass(frozen=True)
class Word:
    """A word of what is run.

    Attributes:
        text: The word.
        place: The element it stands in.
    """

    text: str
    place: Path


def uses(command: Sequence[str] | None, args: Sequence[str] | None, *flags: str) -> list[FlagUse]:
    """Every use of a flag, in either spelling (``--flag=value``, ``--flag value``).

    Uses in ``args`` come first, as Modelplane reads those alone; then those in ``command``,
    where gangs keep their flags in a ``sh -c`` script. What such a script gives to ``ray start``
    is Ray's: its ``--port`` is not the engine's.

    >>> uses(["sh", "-c", "exec vllm serve m --port=8001"], None, "--port")
    [FlagUse(value='8001', place=('command', 2))]
    """
    found = [FlagUse(flag.value, flag.place) for flag in given(command, args) if flag.name in flags]
    return sorted(found, key=lambda use: use.place[0] != "args")


def given(
    command: Sequence[str] | None,
    args: Sequence[str] | None,
    expand: Callable[[str], str] = str,
) -> list[Given]:
    """Every flag of what is run, in the order of the words; of two of a name the last counts.

    Args:
        command: The container's command.
        args: Its arguments.
        expand: Fills variables in where a shell's ``eval`` takes words from their values.
    """
    return [flag for run in commands(command, args, expand) for flag in flags_of(run)]


def flags_of(run: Sequence[Word]) -> list[Given]:
    """The flags of one command, in order."""
    found = []
    for position, word in enumerate(run):
        if not word.text.startswith("-"):
            continue
        name, equals, value = word.text.partition("=")
        if equals:
            found.append(Given(name, value, True, word.place))
        else:
            following = run[position + 1].text if position + 1 < len(run) else None
            found.append(Given(name, following, False, word.place))
    return found


def placed_words(
    command: Sequence[str] | None,
    args: Sequence[str] | None,
    expand: Callable[[str], str] = str,
) -> list[tuple[str, Path]]:
    """The words of what is run, a shell's script taken apart, and the element each stands in.

    Arguments are those of :func:`given`.
    """
    found = commands(command, args, expand)
    return [(word.text, word.place) for each in found for word in each]


def last_use(
    command: Sequence[str] | None, args: Sequence[str] | None, *flags: str
) -> FlagUse | None:
    """The use of a flag that its program's parser takes: arguments follow the command."""
    found = sorted(uses(command, args, *flags), key=lambda use: use.place[0] == "args")
    return found[-1] if found else None


def words(command: Sequence[str] | None, args: Sequence[str] | None) -> list[str]:
    """Everything that is run, as words; of a ``sh -c`` script each of its own."""
    return [word.text for found in commands(command, args) for word in found]


def commands(
    command: Sequence[str] | None,
    args: Sequence[str] | None,
    expand: Callable[[str], str] = str,
) -> list[list[Word]]:
    """What is run, as words: the whole of it, or each command of a shell's script.

    A script's own arguments are one more command, the last, if the script passes them on.
    """
    elements = [
        *(Word(text, ("command", index)) for index, text in enumerate(command or ())),
        *(Word(text, ("args", index)) for index, text in enumerate(args or ())),
    ]
    index = _script_index([element.text for element in elements])
    if index is None:
        return [elements]
    script = elements[index]
    found = [
        [Word(text, script.place) for text in words]
        for words in _evaluated(_script_commands(script.text), expand)
        if ("ray", "start") not in pairwise(_file_name(text) for text in words)
    ]
    # Before a script is its shell alone. After it are $0 and its arguments, if it passes them on.
    return [*found, elements[index + 2 :]] if PASSED_ON.search(script.text) else found


def _evaluated(found: list[list[str]], expand: Callable[[str], str]) -> Iterator[list[str]]:
    """Commands as they run: what ``eval`` is given is a script once more, variables filled in.

    KServe starts its engines so, with flags from an environment variable. An ``eval`` within an
    ``eval`` is left as it stands, since a variable may name itself.
    """
    for words in found:
        if words[:1] == ["eval"]:
            yield from _script_commands(expand(" ".join(words[1:])))
        else:
            yield words


def _script_index(elements: Sequence[str]) -> int | None:
    """Where the script of a ``sh -c`` stands, whatever starts the shell (``env``, ``tini``)."""
    shells = (i for i, text in enumerate(elements) if _file_name(text) in SHELLS)
    if (shell := next(shells, None)) is None:
        return None
    index, has_script = shell + 1, False
    while index < len(elements) and elements[index].startswith(("-", "+")):
        option = elements[index]
        if not option.startswith("--"):
            has_script = has_script or "c" in option
            index += option.endswith("o")  # as in `-euo pipefail`
        index += 1
    return index if has_script and index < len(elements) else None


PASSED_ON = re.compile(r"\$\{?[@*1-9]")
"""What stands in a script for its own arguments."""


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


# `$(NAME)` is the kubelet's, which fills it in before the shell reads the script.
_PIECE = re.compile(
    r"""
    (?P<continued> \\\n )
    | (?P<end> [;&|()\n]+ | (?<! [^\ \t\r\n;&|()<>] ) \# [^\n]* )
    | (?P<gap> [\ \t\r<>]+ )
    | ' (?P<single> [^']* ) '
    | " (?P<double> [^"\\]* (?: \\. [^"\\]* )* ) "
    | \\ (?P<escaped> . )
    | (?P<plain> \$\(\w+\) | \$\(\([^()]*\)\) | [^\ \t\r\n;&|()<>'"\\$]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


def _script_commands(script: str) -> list[list[str]]:
    """The simple commands of a script, as words.

    Not by :mod:`shlex`, which takes a ``#`` within a word for a comment, gives up at an open
    quote, and needs time that grows with the square of a word's length.
    """
    found: list[list[str]] = [[]]
    word: list[str] = []
    for piece in chain(_PIECE.finditer(script), [None]):
        kind = piece.lastgroup if piece else "end"
        if piece and kind not in ("continued", "end", "gap"):
            text = piece[kind or 0]
            word.append(re.sub(r'\\([$`"\\])', r"\1", text) if kind == "double" else text)
        elif kind != "continued":
            if word:
                found[-1].append("".join(word))
                word = []
            if kind == "end":
                found.append([])
    return found
