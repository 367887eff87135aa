"""The secrets of plain data: what they are known by, and messages without them.

A message may name any value that it was written for. Which values are secrets shows where they
are written: in a field or after a flag of such a name, in a Secret, in a container's environment.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from cdk8s_inference.findings import Finding, Path, PathPart, field_path, near_name
from cdk8s_inference.findings.secret import MASK, TOKEN, assigned, is_secret_name
from cdk8s_inference.source.cursor import Cursor
from cdk8s_inference.source.placeholder import has_placeholder

_WORD = 12
"""As many characters of a secret are no word that happens to begin like it."""

_HEAD = 6
"""What a text is found by. A shorter one is masked in its own place alone: elsewhere it is more
often a word.
"""

_PUBLIC_VARIABLE = re.compile(
    r"(?:VLLM|SGLANG|NCCL|NIXL|UCX|GLOO|NVSHMEM|CUDA|NVIDIA|LWS|MOONCAKE|LMCACHE|TORCH|RAY|OMP"
    r"|POD|HOST|NODE)_[A-Z0-9_]*|HOME|USER|PATH|TMPDIR|PORT|PYTHON[A-Z]*|HF_HOME|HF_HUB_OFFLINE|INFERENCE_POOL"
)
"""Variables that tune a server: a message shows their values, unless they have a secret's name."""


@dataclass(frozen=True)
class Secret:
    """A value that is not shown.

    Attributes:
        path: Where it is written.
        text: The value; a part of what is written there, such as a flag's.
        everywhere: Whether the same text is masked elsewhere too: it is a secret by its name, and
            not just a value of the environment.
    """

    path: Path
    text: str
    everywhere: bool


def secrets(root: Cursor) -> Iterator[Secret]:
    """The secrets of plain data.

    A CustomResourceDefinition has none: its fields describe values, and are many.
    """
    if root["kind"].value == "CustomResourceDefinition":
        return iter(())
    return _in(root.value, root.path, "")


def without_secrets(findings: Iterable[Finding], roots: Iterable[Cursor]) -> list[Finding]:
    """Findings about plain data, whose messages do not show the secrets in them."""
    found = list(findings)
    if not found:
        return found
    known = KnownSecrets(each for root in roots for each in _secrets_of(root))
    return [known.hidden(finding) for finding in found]


def _secrets_of(root: Cursor) -> Iterable[Secret]:
    """The secrets of plain data; a document, which is asked more than once, keeps its own."""
    if root.document is not None and not root.path:
        return root.document.secrets
    return secrets(root)


def without(text: str, secret: str) -> str:
    """A text that does not show a secret: neither as it is nor quoted, nor cut short.

    A word that begins like a secret, as ``backend`` like ``backend-token-1``, is none.

    >>> without("is 'correct-horse'", "correct-horse"), without("is 'correct-...", "correct-horse")
    ("is '***'", "is '***...")
    >>> without("of backend", "backend-token-1")
    'of backend'
    """
    for form in _forms(secret):
        start = text.find(form[:_HEAD])
        while start >= 0:
            end = start + _common(text[start:], form)
            begins_word = start == 0 or not text[start - 1].isalnum()
            is_word = end - start < _WORD and end - start < len(form)
            if begins_word and (not is_word or text.startswith("...", end)):
                text = f"{text[:start]}{MASK}{text[end:]}"
                end = start + len(MASK)
            start = text.find(form[:_HEAD], end)
    return text


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _forms(secret: str) -> list[str]:
    """How a message writes a text: as it is, and quoted."""
    return list(dict.fromkeys((secret, repr(secret)[1:-1])))


class KnownSecrets:
    """The secrets of some data, found by what they begin with and by where they are written."""

    def __init__(self, known: Iterable[Secret]) -> None:
        self._by_head: dict[str, list[str]] = defaultdict(list)
        self._by_path: dict[str, list[str]] = defaultdict(list)
        for secret in dict.fromkeys(known):
            if secret.everywhere and len(secret.text) >= _HEAD:
                for form in _forms(secret.text):
                    self._by_head[form[:_HEAD]].append(secret.text)
            # A List is no part of the path of what it holds, and a variable may be told as one.
            inner = secret.path[2:] if secret.path[:1] == ("items",) else secret.path
            for path in (secret.path, inner, inner[:-1]):
                self._by_path[field_path(path)].append(secret.text)

    def hidden(self, finding: Finding) -> Finding:
        """The finding without them."""
        if not self._by_path:
            return finding
        paths = (finding.path, *(each.path for each in finding.related))
        here = [text for path in paths for text in self._by_path.get(path, ())]
        return replace(
            finding,
            path=self.hidden_in(finding.path),
            object=None if finding.object is None else self.hidden_in(finding.object),
            message=self.hidden_in(finding.message, here),
            fix=self.hidden_in(finding.fix, here),
            related=tuple(
                replace(each, path=self.hidden_in(each.path), object=self.hidden_in(each.object))
                for each in finding.related
            ),
            consequences=tuple(map(self.hidden, finding.consequences)),
        )

    def hidden_in(self, text: str, here: Iterable[str] = ()) -> str:
        """A text without them, and without the texts that are secret where it is from."""
        for start in range(len(text) - _HEAD + 1):
            for secret in self._by_head.get(text[start : start + _HEAD], ()):
                text = without(text, secret)
        for secret in here:
            text = without(text, secret)
        return text


def _in(value: Any, path: Path, name: str) -> Iterator[Secret]:
    """The secrets of a value that has a name, by its key, its item's ``name`` or its flag."""
    if isinstance(value, Mapping):
        yield from _in_mapping(value, path)
    elif isinstance(value, list):
        flag = ""
        for index, item in enumerate(value):
            yield from _in(item, (*path, index), flag or name)
            is_flag = isinstance(item, str) and item.startswith("--") and "=" not in item
            flag = item if is_flag else ""
    elif _is_shown(value):
        return
    elif is_secret_name(name) or (isinstance(value, str) and TOKEN.search(value)):
        yield Secret(path, str(value), True)
    elif isinstance(value, str) and len(value) > 2:
        for text in assigned(value):
            yield Secret(path, text, True)


def _in_mapping(value: Mapping[PathPart, Any], path: Path) -> Iterator[Secret]:
    named = value.get("name")
    variable = path[-2:-1] == ("env",) and isinstance(named, str)
    is_secret = value.get("kind") == "Secret"
    for key, child in value.items():
        where = (*path, key)
        if is_secret and key in ("data", "stringData"):
            for at, each in _scalars(child, where):
                yield Secret(at, str(each), True)
        elif variable and key != "name" and not (key == "valueFrom" and isinstance(child, Mapping)):
            hidden = is_secret_name(str(named))
            if hidden or not _PUBLIC_VARIABLE.fullmatch(str(named)):
                for at, each in _scalars(child, where):
                    yield Secret(at, str(each), hidden or is_secret_name(str(key)))
        elif isinstance(named, str) and _means_value(str(key)):
            yield from _in(child, where, named)
        else:
            yield from _in(child, where, str(key))


@lru_cache(maxsize=1024)  # The same few keys are in every object.
def _means_value(key: str) -> bool:
    return key == "value" or near_name(key, ["value"]) is not None


def _scalars(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    for each in Cursor(value, path).descendants():
        if not isinstance(each.value, (Mapping, list)) and not _is_shown(each.value):
            yield each.path, each.value


def _is_shown(value: Any) -> bool:
    """Whether a value is none that could be a secret, or one that is filled in later."""
    if isinstance(value, str):
        return not value or has_placeholder(value) or value in ("EMPTY", "none", "None")
    return isinstance(value, bool) or value is None
