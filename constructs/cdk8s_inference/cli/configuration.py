"""A project's configuration: ``.cdk8s-inference.yaml``, or a table of ``pyproject.toml``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, get_args

import click
import yaml

from cdk8s_inference.checks.policy import FileWaiver, Policy
from cdk8s_inference.checks.waiver import Waiver
from cdk8s_inference.cli.failure import Failure
from cdk8s_inference.findings import Severity, shown

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
    ctx.default_map = {**(ctx.default_map or {}), **found.options}
    return found


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
            return f"tool.{_TABLE}".encode() in file.read()
    except OSError:
        return False


def _read(path: str) -> Configuration:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise Failure(f"Cannot read {path!r}", error) from None
    table = _toml(path, content) if path.endswith(".toml") else _yaml(path, content)
    return _Reader(path, os.path.dirname(path)).configuration(table)


def _yaml(path: str, content: bytes) -> Any:
    try:
        found = yaml.load(content, yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise click.UsageError(f"{path} is no YAML: {error}") from None
    return {} if found is None else found


def _toml(path: str, content: bytes) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]
    try:
        found = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{path} is no TOML: {error}") from None
    return found.get("tool", {}).get(_TABLE, {})


@dataclass(frozen=True)
class _Reader:
    """Reads a configuration, and refuses what it does not know.

    Attributes:
        path: Its file.
        folder: The folder of that file, which paths in it are relative to.
    """

    path: str
    folder: str

    def configuration(self, table: Any) -> Configuration:
        if not isinstance(table, dict):
            raise self._wrong("the configuration", "a mapping", table)
        known = [*_OPTIONS, *_POLICY]
        for key in table:
            if key not in known:
                near = get_close_matches(str(key), known, 1)
                meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise click.UsageError(f"{self.path} has an unknown key {key!r}: {meant}")
        options = {
            key.replace("-", "_"): kind(self, key, table[key])
            for key, kind in _OPTIONS.items()
            if key in table
        }
        policy = Policy(folder=self.folder, file=self.path)
        for key, read in _POLICY.items():
            if key in table:
                policy = replace(policy, **{key.replace("-", "_"): read(self, key, table[key])})
        return Configuration(policy, options)

    def texts(self, key: str, value: Any) -> tuple[str, ...]:
        """A list of texts, or one."""
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise self._wrong(key, "a list of texts", value)
        return tuple(found)

    def paths(self, key: str, value: Any) -> tuple[str, ...]:
        """Paths, from the folder of the file."""
        return tuple(os.path.join(self.folder, each) for each in self.texts(key, value))

    def path_of(self, key: str, value: Any) -> str:
        """One path, from the folder of the file."""
        return os.path.join(self.folder, self.text(key, value))

    def text(self, key: str, value: Any) -> str:
        """A text; a release such as 1.34 may be written as a number."""
        if not isinstance(value, (str, float)):
            raise self._wrong(key, "a text", value)
        return str(value)

    def switch(self, key: str, value: Any) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def codes_by_file(self, key: str, value: Any) -> Mapping[str, tuple[str, ...]]:
        """Codes for each pattern of files."""
        if not isinstance(value, dict):
            raise self._wrong(key, "a mapping of files to codes", value)
        return {
            str(pattern): codes(self.texts(f"{key}.{pattern}", found), f"{self.path} {key}")
            for pattern, found in value.items()
        }

    def severities(self, key: str, value: Any) -> Mapping[str, Severity]:
        """A severity for each code."""
        known = get_args(Severity)
        if not isinstance(value, dict):
            raise self._wrong(key, "a mapping of codes to severities", value)
        for code, severity in value.items():
            codes([str(code)], f"{self.path} {key}")
            if severity not in known:
                raise self._wrong(f"{key}.{code}", f"one of {', '.join(known)}", severity)
        return value

    def waivers(self, key: str, value: Any) -> tuple[FileWaiver, ...]:
        """Waivers, each a mapping."""
        if not isinstance(value, list):
            raise self._wrong(key, "a list of waivers", value)
        return tuple(self._waiver(f"{key}[{index}]", each) for index, each in enumerate(value))

    def _waiver(self, key: str, value: Any) -> FileWaiver:
        if not isinstance(value, dict) or not {"code", "reason"} <= value.keys():
            raise self._wrong(key, "a mapping with code and reason", value)
        if unknown := sorted(map(str, value.keys() - {"code", "reason", "until", "files"})):
            raise click.UsageError(f"{self.path}: {key} has an unknown key {unknown[0]!r}")
        (code,) = codes([str(value["code"])], f"{self.path} {key}", whole=True)
        try:
            waiver = Waiver(code, self.text(f"{key}.reason", value["reason"]), _date(value))
        except ValueError as error:
            raise click.UsageError(f"{self.path}: {key}: {error}") from None
        return FileWaiver(waiver, self.texts(f"{key}.files", value.get("files", [])))

    def _wrong(self, key: str, expected: str, value: Any) -> click.UsageError:
        return click.UsageError(f"{self.path}: {key} must be {expected}, not {shown(value)}")


def _date(waiver: Mapping[str, Any]) -> date | None:
    until = waiver.get("until")
    if until is None or isinstance(until, date):
        return until
    return datetime.strptime(str(until), "%Y-%m-%d").date()


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


_Read = Callable[[_Reader, str, Any], Any]

_OPTIONS: Mapping[str, _Read] = {
    "baseline": _Reader.path_of,
    "cache": _Reader.path_of,
    "complete": _Reader.switch,
    "exclude": _Reader.texts,
    "exit-zero": _Reader.switch,
    "format": _Reader.text,
    "ignore": _Reader.texts,
    "kubernetes": _Reader.text,
    "schemas": _Reader.paths,
    "select": _Reader.texts,
    "severity": _Reader.text,
    "strict": _Reader.switch,
}
"""The keys that are options of the command line too."""

_POLICY: Mapping[str, _Read] = {
    "per-file-ignores": _Reader.codes_by_file,
    "severities": _Reader.severities,
    "waivers": _Reader.waivers,
}
"""The keys that are fields of a policy."""
