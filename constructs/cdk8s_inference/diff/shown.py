"""Values of changes as text for people: short, and without secrets."""

from __future__ import annotations

import json
from typing import Any

from cdk8s_inference.diff.comparison import Comparison
from cdk8s_inference.diff.field_change import MISSING, FieldChange
from cdk8s_inference.diff.noise import own_name
from cdk8s_inference.diff.object_pair import ObjectPair
from cdk8s_inference.findings.secret import MASK, is_secret_name, masked
from cdk8s_inference.source.secrets import KnownSecrets
from cdk8s_inference.topology import KubeObject

_LONG = 72
NONE = "(none)"


class Shown:
    """The values of a comparison as texts."""

    def __init__(self, comparison: Comparison) -> None:
        self._pairs = {
            id(change): pair for pair, each in comparison.changes.items() for change in each
        }
        objects = [each for pair in comparison.pairs for each in (pair.old, pair.new) if each]
        documents = {id(each.document): each.document for each in objects}
        self._known = KnownSecrets(each for one in documents.values() for each in one.secrets)

    def values(self, change: FieldChange) -> tuple[str, str]:
        """The values before and after, in whole, without secrets."""
        pair = self._pairs.get(id(change), ObjectPair(None, None))
        name = change.path[-1].rpartition("[")[2].rstrip("]")
        sides = ((change.old, pair.old), (change.new, pair.new))
        old, new = (
            self._text(value, found, change, index, name)
            for index, (value, found) in enumerate(sides)
        )
        if old == new:
            return old, f"{new} (another)"
        return old, new

    def arrow(self, change: FieldChange) -> str:
        """Both values on one line, such as ``vllm:v0.32.0 → v0.33.0``."""
        old, new = self.values(change)
        one, other = old.rpartition(":"), new.rpartition(":")
        if one[0] and one[0] == other[0] and "\n" not in old and "/" not in one[2]:
            new = other[2]
        if change.new is MISSING:
            return f"{_short(old)} → {NONE}"
        return f"{_short(old)} → {_short(new)}"

    def named(self, change: FieldChange) -> str:
        """The end of its path, and both values."""
        return f"{self.field(own_name(change))} {self.arrow(change)}"

    def field(self, text: str) -> str:
        """A path or a part of one, without secrets."""
        return masked(self._known.hidden_in(text))

    def _text(
        self, value: Any, found: KubeObject | None, change: FieldChange, side: int, name: str
    ) -> str:
        if value is MISSING:
            return NONE
        if isinstance(value, str) and is_secret_name(name) and value:
            return MASK
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        here: list[str] = []
        if found is not None:
            path = (*found.root.path, *change.at[side])
            for secret in found.document.secrets:
                if secret.path[: len(path)] == path:
                    if value == secret.text:
                        return MASK
                    here.append(secret.text)
        for secret_text in here:
            text = text.replace(secret_text, MASK)
        return masked(self._known.hidden_in(text, here)) or '""'


def _short(text: str) -> str:
    lines = text.splitlines()
    if len(lines) > 1:
        return f"{len(lines)} lines"
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."
