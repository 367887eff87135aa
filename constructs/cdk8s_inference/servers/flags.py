"""The flags that a server knows, by release: names, types, defaults and mistyped names.

They are in ``data/``, one file for each server and one flag a line, taken from the server's own
source by ``scripts/server-flags``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

from cdk8s_inference.servers.release import nearest, release_order

FlagKind = Literal["bool", "switch", "int", "float", "str", "json", "list", "optional"]
"""What a flag takes: ``bool`` no word, and has a ``--no-`` form; ``switch`` no word; ``json`` one
word, or fields of its own (``--flag.field``); ``list`` several words; ``optional`` one or none."""

_CLOSE = 0.8
"""How alike two names are, from 0 to 1, for one to be offered for the other."""


@dataclass(frozen=True)
class Flag:
    """A flag of a server.

    Attributes:
        name: Its longest name, with dashes.
        kind: What it takes.
        default: What holds without it; None where that is computed, or nothing.
        short: Short names, such as ``-tp``.
        aliases: Other long names.
        choices: The only values it takes; empty where it takes others.
        fields: The keys of its JSON, where these are known.
    """

    name: str
    kind: FlagKind = "str"
    default: Any = None
    short: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    choices: tuple[Any, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that gives it."""
        return (self.name, *self.aliases, *self.short)

    @property
    def takes_word(self) -> bool:
        """Whether the word after it is its value."""
        return self.kind not in ("bool", "switch")


@dataclass(frozen=True)
class Grammar:
    """How a server's parser reads names.

    Attributes:
        underscores: Whether ``--max_model_len`` is ``--max-model-len``.
        prefixes: Whether the start of a name stands for it where no other flag's starts so.
        fields: Whether ``--flag.field value`` gives a field of a JSON flag.
        pairs_since: The release from which ``--enable-x`` has a ``--disable-x``, and the other
            way around; None where it has none.
    """

    underscores: bool = False
    prefixes: bool = True
    fields: bool = False
    pairs_since: str | None = None


@dataclass(frozen=True)
class FlagMatch:
    """A flag that is given under some name.

    Attributes:
        flag: The flag.
        negated: Whether the name switches it off, as ``--no-enable-lora`` does.
        field: The keys that follow its name, as in ``--kv-transfer-config.kv_role``.
    """

    flag: Flag
    negated: bool = False
    field: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Flags:
    """The flags that a release of a server knows.

    Attributes:
        release: The release.
        exact: Whether it is the one that was asked for, patch releases aside.
        flags: The flags, by name.
        grammar: How names are read.
    """

    release: str
    exact: bool
    flags: Mapping[str, Flag] = field(repr=False)
    grammar: Grammar

    def __iter__(self) -> Iterator[Flag]:
        return iter(self.flags.values())

    def match(self, name: str) -> FlagMatch | None:
        """The flag that a name on a command line gives; None for a name that is not known.

        Args:
            name: As written, without ``=`` and its value.
        """
        if plain := self._names.get(name):
            return plain
        # Rules ask for the same few names again and again, and many servers lack some of them.
        if name not in self._matched:
            self._matched[name] = self._match(name)
        return self._matched[name]

    @cached_property
    def _matched(self) -> dict[str, FlagMatch | None]:
        return {}

    def _match(self, name: str) -> FlagMatch | None:
        name, *keys = name.split(".") if self.grammar.fields else (name,)
        if self.grammar.underscores and name.startswith("--"):
            name = name.replace("_", "-")
        found = self._names.get(name) or self._started(name)
        if found is None or (keys and found.flag.kind != "json"):
            return None
        return FlagMatch(found.flag, found.negated, tuple(key.rstrip("+") for key in keys))

    def find(self, name: str) -> Flag | None:
        """The flag that a name gives; see :meth:`match`."""
        found = self.match(name)
        return found.flag if found else None

    def near(self, name: str) -> str | None:
        """The name that a mistyped one is most like; None where there is none like it.

        >>> from cdk8s_inference.servers import VLLM
        >>> VLLM.flags("0.23.0").near("--tensor-paralel-size")
        '--tensor-parallel-size'
        """
        long = [each for each in self._names if each.startswith("--")]
        words = name.partition(".")[0].replace("_", "-")
        return next(iter(get_close_matches(words, long, 1, _CLOSE)), None)

    @cached_property
    def _names(self) -> dict[str, FlagMatch]:
        found: dict[str, FlagMatch] = {}
        for flag in self:
            if flag.kind == "bool":
                for name in self._off(flag.name):
                    found[name] = FlagMatch(flag, negated=True)
        # A flag's own name comes before another one's negation.
        for flag in self:
            found.update({name: FlagMatch(flag) for name in flag.names})
        return found

    def _off(self, name: str) -> Iterator[str]:
        yield f"--no-{name[2:]}"
        since = self.grammar.pairs_since
        if since is not None and release_order(self.release) >= release_order(since):
            for on, off in (("--enable-", "--disable-"), ("--disable-", "--enable-")):
                if name.startswith(on):
                    yield off + name.removeprefix(on)

    def _started(self, start: str) -> FlagMatch | None:
        if not self.grammar.prefixes or not start.startswith("--") or len(start) < 3:
            return None
        found = {match for name, match in self._names.items() if name.startswith(start)}
        return found.pop() if len(found) == 1 else None


@cache
def load_flags(server: str, release: str | None, grammar: Grammar) -> Flags:
    """The flags of a server in a release, or in the nearest one that is known.

    Args:
        server: The name of its file.
        release: The release; None for the newest.
        grammar: How its parser reads names.
    """
    data = _data(server)
    known = nearest(release, data["releases"])
    at = release_order(known)
    flags = {
        name: Flag(
            name, **{key: _frozen(value) for key, value in facts.items() if key not in _SPAN}
        )
        for name, variants in data["flags"].items()
        for facts in variants
        if release_order(facts.get("since", "0")) <= at
        and ("until" not in facts or at < release_order(facts["until"]))
    }
    exact = release is not None and release_order(release)[:2] == at[:2]
    return Flags(known, exact, flags, grammar)


_SPAN = ("since", "until")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@cache
def _data(server: str) -> dict[str, Any]:
    file = files("cdk8s_inference.servers") / "data" / f"{server}.json"
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return data
