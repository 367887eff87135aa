"""A project's configuration: ``.cdk8s-inference.yaml``, or a table of ``pyproject.toml``."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, get_args

import click

from cdk8s_inference.checks.policy import FileWaiver, Policy
from cdk8s_inference.checks.waiver import Waiver
from cdk8s_inference.cli.cluster_api import known_release
from cdk8s_inference.cli.failure import Failure
from cdk8s_inference.cli.formats import FORMATS
from cdk8s_inference.findings import Path, Severity, shown
from cdk8s_inference.source import read

OWN_FILE = ".cdk8s-inference.yaml"
_PYPROJECT = "pyproject.toml"
_TABLE = "cdk8s-inference"


@dataclass(frozen=True)
class Configuration:
    """What a project's configuration says.

    Attributes:
        policy: What it wants to hear of, beside what the command line says.
        options: What options of commands are where the command line does not say, by their names.
    """

    policy: Policy = field(default_factory=Policy)
    options: Mapping[str, Any] = field(default_factory=dict)


def configured(ctx: click.Context, _: click.Parameter, value: str | None) -> Configuration:
    """The configuration of a run: of a file that is named, of the nearest one, or none.

    What it says of the command's options becomes their default.
    """
    path = _nearest(os.getcwd()) if value is None else value
    if not path:
        return Configuration()
    found = _read(path)
    # A format may be one that another command alone has.
    options = {key: value for key, value in found.options.items() if _takes(ctx, key, value)}
    ctx.default_map = {**(ctx.default_map or {}), **options}
    return found


def _takes(ctx: click.Context, key: str, value: Any) -> bool:
    types = [each.type for each in ctx.command.params if each.name == key]
    return key != "format" or any(
        isinstance(each, click.Choice) and value in each.choices for each in types
    )


def _nearest(folder: str) -> str | None:
    while True:
        own = os.path.join(folder, OWN_FILE)
        if os.path.isfile(own):
            return os.path.relpath(own)
        project = os.path.join(folder, _PYPROJECT)
        if os.path.isfile(project) and _has_table(project):
            return os.path.relpath(project)
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _has_table(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return False
    # Most say nothing of this program, and need not be parsed.
    return _TABLE.encode() in content and _TABLE in _tools(path, content)


Line = Callable[[Path], "int | None"]
"""The line of a key, or of the nearest above it; None where that is not known."""


def _read(path: str) -> Configuration:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise Failure(f"Cannot read {path!r}", error) from None
    table, line = (_toml if path.endswith(".toml") else _yaml)(path, content)
    return _Reader(path, os.path.dirname(path), line).configuration(table)


def _yaml(path: str, content: bytes) -> tuple[Any, Line]:
    documents, problems = read(content, path, may_be_empty=True)
    for each in (*problems, *(finding for found in documents for finding in found.findings)):
        where = path if each.line is None else f"{path}:{each.line}"
        said = f"{each.path}: {each.message}" if each.path else each.message
        raise click.UsageError(f"{where}: {said}")
    if len(documents) > 1:
        raise click.UsageError(f"{path} has {len(documents)} documents, and one is expected")
    return (documents[0].data, documents[0].line) if documents else ({}, lambda _: None)


def _toml(path: str, content: bytes) -> tuple[Any, Line]:
    lines = content.decode(errors="replace").splitlines()
    return _tools(path, content).get(_TABLE, {}), lambda key: _toml_line(lines, key)


def _tools(path: str, content: bytes) -> Mapping[str, Any]:
    """The tables of tools."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]
    try:
        found = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{path} is no TOML: {error}") from None
    tools = found.get("tool")
    return tools if isinstance(tools, dict) else {}


def _toml_line(lines: list[str], key: Path) -> int | None:
    """Where a key stands, by its words: parsers of TOML do not tell."""
    at = next((index for index, line in enumerate(lines) if _TABLE in line), None)
    for depth, name in enumerate(key):
        if at is None or isinstance(name, int):
            continue
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        places = [index for index in range(at, len(lines)) if word.search(lines[index])]
        if not places:
            break
        # Each item of a list may have a table of its own.
        item = key[depth + 1] if depth + 1 < len(key) else 0
        at = places[item if isinstance(item, int) and item < len(places) else 0]
    return None if at is None else at + 1


@dataclass(frozen=True)
class _Reader:
    """Reads a configuration, and refuses what it does not know.

    Attributes:
        path: Its file.
        folder: The folder of that file, which paths in it are relative to.
        line: The lines of its keys.
    """

    path: str
    folder: str
    line: Line

    def configuration(self, table: Any) -> Configuration:
        if not isinstance(table, dict):
            raise self._wrong((), "a mapping", table)
        known = [*_OPTIONS, *_POLICY]
        for key in table:
            if key not in known:
                near = get_close_matches(str(key), known, 1)
                meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise self._error((key,), f"unknown key {key!r}: {meant}")
        options = {
            key.replace("-", "_"): kind(self, (key,), table[key])
            for key, kind in _OPTIONS.items()
            if key in table
        }
        policy = Policy(folder=self.folder, file=self.path)
        for key, kind in _POLICY.items():
            if key in table:
                policy = replace(policy, **{key.replace("-", "_"): kind(self, (key,), table[key])})
        return Configuration(policy, options)

    def texts(self, key: Path, value: Any) -> tuple[str, ...]:
        """A list of texts, or one."""
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list):
            raise self._wrong(key, "a list of texts", value)
        return tuple(self.text((*key, index), each) for index, each in enumerate(found))

    def paths(self, key: Path, value: Any) -> tuple[str, ...]:
        """Paths that exist, from the folder of the file."""
        found = tuple(os.path.join(self.folder, each) for each in self.texts(key, value))
        for each in found:
            if not os.path.exists(each):
                raise self._error(key, f"{_named(key)}: {each!r} does not exist")
        return found

    def path_of(self, key: Path, value: Any) -> str:
        """One path, from the folder of the file."""
        return os.path.join(self.folder, self.text(key, value))

    def text(self, key: Path, value: Any) -> str:
        """A text."""
        if not isinstance(value, str):
            raise self._wrong(key, "a text", value)
        return value

    def release(self, key: Path, value: Any) -> str:
        """A release of Kubernetes; 1.34 may be written as a number."""
        try:
            return known_release(str(value) if isinstance(value, float) else self.text(key, value))
        except ValueError as error:
            raise self._error(key, f"{_named(key)}: {error}") from None

    def switch(self, key: Path, value: Any) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def severity(self, key: Path, value: Any) -> Severity:
        """One of the severities."""
        found: Severity = self._one_of(key, get_args(Severity), value)
        return found

    def format(self, key: Path, value: Any) -> str:
        """One of the formats of ``check``."""
        found: str = self._one_of(key, FORMATS, value)
        return found

    def codes(self, key: Path, value: Any) -> tuple[str, ...]:
        """Codes, or what codes begin with."""
        return codes(self.texts(key, value), self._at(key))

    def codes_by_file(self, key: Path, value: Any) -> Mapping[str, tuple[str, ...]]:
        """Codes for each pattern of files."""
        if not isinstance(value, dict):
            raise self._wrong(key, "a mapping of files to codes", value)
        return {str(each): self.codes((*key, each), found) for each, found in value.items()}

    def severities(self, key: Path, value: Any) -> Mapping[str, Severity]:
        """A severity for each code."""
        if not isinstance(value, dict):
            raise self._wrong(key, "a mapping of codes to severities", value)
        return {
            code: self.severity((*key, each), found)
            for each, found in value.items()
            for code in self.codes((*key, each), str(each))
        }

    def waivers(self, key: Path, value: Any) -> tuple[FileWaiver, ...]:
        """Waivers, each a mapping."""
        if not isinstance(value, list):
            raise self._wrong(key, "a list of waivers", value)
        return tuple(self._waiver((*key, index), each) for index, each in enumerate(value))

    def _waiver(self, key: Path, value: Any) -> FileWaiver:
        if not isinstance(value, dict) or not {"code", "reason"} <= value.keys():
            raise self._wrong(key, "a mapping with code and reason", value)
        if unknown := sorted(map(str, value.keys() - {"code", "reason", "until", "files"})):
            raise self._error((*key, unknown[0]), f"{_named(key)}: unknown key {unknown[0]!r}")
        at = self._at((*key, "code"))
        (code,) = codes([self.text((*key, "code"), value["code"])], at, whole=True)
        reason, until = self.text((*key, "reason"), value["reason"]), value.get("until")
        try:
            waiver = Waiver(code, reason, _date(until))
        except ValueError as error:
            name = "until" if reason.strip() else "reason"
            raise self._error((*key, name), f"{_named(key)}: {error}") from None
        return FileWaiver(waiver, self.texts((*key, "files"), value.get("files", [])))

    def _one_of(self, key: Path, known: Iterable[str], value: Any) -> Any:
        if value not in known:
            raise self._wrong(key, f"one of {', '.join(known)}", value)
        return value

    def _wrong(self, key: Path, expected: str, value: Any) -> click.UsageError:
        name = _named(key) or "the configuration"
        return self._error(key, f"{name} must be {expected}, not {shown(value)}")

    def _error(self, key: Path, message: str) -> click.UsageError:
        return click.UsageError(f"{self._place(key)}: {message}")

    def _at(self, key: Path) -> str:
        return f"{self._place(key)}: {_named(key)}"

    def _place(self, key: Path) -> str:
        line = self.line(key)
        return self.path if line is None else f"{self.path}:{line}"


def _named(key: Path) -> str:
    """A key with those above it: ``waivers[0].until``."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if index else part
        for index, part in enumerate(key)
    )


def _date(until: Any) -> date | None:
    if until is None or isinstance(until, date):
        return until
    try:
        return datetime.strptime(str(until), "%Y-%m-%d").date()
    except ValueError:
        raise ValueError(f"until must be a date such as 2027-03-31, not {shown(until)}") from None


def codes(given: Iterable[str], where: str, *, whole: bool = False) -> tuple[str, ...]:
    """Codes, or what codes begin with, as people write them.

    Raises:
        click.UsageError: No code is or begins so.
    """
    from cdk8s_inference.checks.registry import all_rules

    parts = (part.strip().upper() for each in given for part in each.split(","))
    found = tuple(filter(None, parts))
    for code in found:
        if not any(each == code if whole else each.startswith(code) for each in all_rules()):
            near = get_close_matches(code, list(all_rules()), 1, 0.5)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"{where}: there is no code {code}{meant}")
    return found


_Read = Callable[[_Reader, Path, Any], Any]

_OPTIONS: Mapping[str, _Read] = {
    "baseline": _Reader.path_of,
    "cache": _Reader.path_of,
    "complete": _Reader.switch,
    "exclude": _Reader.texts,
    "exit-zero": _Reader.switch,
    "format": _Reader.format,
    "ignore": _Reader.codes,
    "kubernetes": _Reader.release,
    "schemas": _Reader.paths,
    "select": _Reader.codes,
    "severity": _Reader.severity,
    "strict": _Reader.switch,
}
"""The keys that are options of the command line too."""

_POLICY: Mapping[str, _Read] = {
    "per-file-ignores": _Reader.codes_by_file,
    "severities": _Reader.severities,
    "waivers": _Reader.waivers,
}
"""The keys that are fields of a policy."""
