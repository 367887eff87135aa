"""What one container gives a server: its flags and its environment, read as the server reads them.

A value that only the cluster knows, such as ``$(PORT)`` without that variable or ``{{ .port }}``,
is *unread*: it is neither its default nor wrong.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cdk8s_inference.servers.command_line import Given
from cdk8s_inference.servers.flags import FlagMatch, Flags

if TYPE_CHECKING:
    from cdk8s_inference.servers.server import Server


def is_unread(text: str) -> bool:
    """Whether a text still holds what a shell, the kubelet or a template would replace."""
    return "$" in text or "{{" in text


def whole_number(text: str | None) -> int | None:
    """A whole number as Python reads it; None for any other text."""
    if text is None or len(text) > 20:
        return None
    try:
        return int(text)
    except ValueError:
        return None


@dataclass(frozen=True, eq=False)
class Invocation:
    """How a server is started.

    Attributes:
        server: Which server; None for one that is not known, whose flags are read by name alone.
        release: Its release; None where that is not known.
        given: The flags, in order.
        env: The container's variables; None for a value that comes from elsewhere.
    """

    server: Server | None
    release: str | None = None
    given: Sequence[Given] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)

    @cached_property
    def flags(self) -> Flags | None:
        """The flags that the server knows; None where they are not known here."""
        return self.server.flags(self.release) if self.server else None

    def uses(self, *names: str) -> Iterator[tuple[Given, FlagMatch | None]]:
        """Every use of flags, in order, under any of their names, and what they match."""
        wanted = {match.flag.name for name in names if (match := self._match(name))}
        plain = {name.replace("_", "-") for name in names}
        for each, match in self._matched:
            if match is None and each.name.replace("_", "-").partition(".")[0] in plain:
                yield each, None
            elif match is not None and match.flag.name in wanted:
                yield each, match

    def use(self, *names: str) -> Given | None:
        """The use that counts, which is the last one; None where the flag is not given."""
        found = None
        for each, _ in self.uses(*names):
            found = each
        return found

    def text(self, *names: str) -> str | None:
        """A flag's value; None where it is not given. A switch that is given reads as ``true``."""
        found = None
        for each, match in self.uses(*names):
            found = value_of(each, match)
        return found

    def number(self, *names: str) -> int | None:
        """A flag's number, or its default; None where its value is unread, or no number."""
        said = self.text(*names)
        if said is not None:
            return whole_number(said)
        flag = next((match.flag for name in names if (match := self._match(name))), None)
        return flag.default if flag is not None and isinstance(flag.default, int) else None

    def count(self, name: str) -> int | None:
        """A flag's number, 1 where it is not given; None where it is unread, or no number."""
        return 1 if self.use(name) is None else self.number(name)

    def on(self, *names: str) -> bool:
        """Whether a switch is on."""
        said = self.text(*names)
        if said is not None:
            return said.lower() not in ("false", "0")
        flag = next((match.flag for name in names if (match := self._match(name))), None)
        return flag is not None and flag.default is True

    @property
    def is_on_cpu(self) -> bool:
        """Whether the engine is told to run on the CPU."""
        return self.text("--device") == "cpu"

    def json(self, *names: str) -> dict[str, Any] | None:
        """The object of a JSON flag; None where it is not given, unread, or no object.

        Fields that are given as flags of their own are one more use of the flag: vLLM's parser
        puts them last, so that what the flag itself says no longer counts.
        """
        fields: dict[str, Any] = {}
        whole: str | None = None
        for each, match in self.uses(*names):
            keys = match.field if match else tuple(each.name.split(".")[1:])
            if keys:
                _put(fields, keys, each.value)
            else:
                whole = each.value
        if fields:
            return fields
        try:
            read = json.loads(whole or "")
        except (ValueError, RecursionError):
            return None
        return read if isinstance(read, dict) else None

    def unknown(self) -> list[Given]:
        """Flags that the server does not know; empty where its flags are not known here."""
        if self.flags is None:
            return []
        return [
            each
            for each in self.given
            if each.name.startswith("--")
            and len(each.name) > 2
            and not is_unread(each.name)
            and self.flags.match(each.name) is None
        ]

    def variable(self, name: str, default: str | None = None) -> str | None:
        """A variable's value, or its default; None for a value that comes from elsewhere."""
        return self.env.get(name, default)

    def variable_number(self, name: str, default: int) -> int | None:
        """A variable's number, or its default; None for a value that is unread, or no number."""
        return whole_number(self.env[name]) if name in self.env else default

    @cached_property
    def _matched(self) -> list[tuple[Given, FlagMatch | None]]:
        return [(each, self._match(each.name)) for each in self.given]

    def _match(self, name: str) -> FlagMatch | None:
        return self.flags.match(name) if self.flags else None


def value_of(given: Given, match: FlagMatch | None = None) -> str:
    """The value that a flag takes: ``true`` or ``false`` for one without a word of its own."""
    if match is not None and match.negated:
        return "false"
    takes_word = match is None or match.flag.takes_word
    if given.value is None or (not given.joined and not takes_word):
        return "true"
    if not given.joined and given.value.startswith("--"):
        return "true"
    return given.value


def _put(fields: dict[str, Any], keys: Sequence[str], text: str | None) -> None:
    value: Any = text
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text or "")
    inner = fields
    for key in keys[:-1]:
        below = inner.setdefault(key, {})
        if not isinstance(below, dict):
            return
        inner = below
    inner[keys[-1]] = value
