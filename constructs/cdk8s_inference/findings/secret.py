"""Which texts are secrets, by their names and shapes, and what is shown in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

MASK = "***"

TOKEN = re.compile(
    r"(?<![A-Za-z0-9_])(hf_[A-Za-z0-9]{12,}|gh[pousr]_[A-Za-z0-9]{30,}"
    r"|AKIA[0-9A-Z]{16}|nvapi-[A-Za-z0-9_-]{20,}|xox[abp]-[A-Za-z0-9-]{20,})(?![A-Za-z0-9_])"
)
"""Tokens that are known for what they are: Hugging Face, GitHub, AWS, NVIDIA, Slack."""

_LIKELY = re.compile(
    r"(?<![\w.-])(?:hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{16,}|glpat-[A-Za-z0-9_-]{8,}"
    r"|github_pat_[A-Za-z0-9_]{8,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+)"
    r"|(?<=-----)BEGIN [A-Z ]*PRIVATE KEY.*"
    r"|(?<=://)[^/\s:@'\"]*:[^/\s@'\"]+(?=@)"
    r"|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9+/_.=-]{8,}",
    re.DOTALL,
)
"""What is masked on suspicion: a message loses little by it."""

_NAME = re.compile(
    r"(?<![\w.-])(?:(?P<flag>--[\w.-]+)(?:\s*[=:]\s*|\s+)"
    r"|(?P<field>[A-Za-z_][\w.-]*)['\"]?\s*[=:]\s*)"
)
_VALUE = re.compile(r"\"((?:[^\"\\]|\\.)*)\"?|'([^']*)'?|([^\s,;'\"}\]]+)")
"""A name and its value: ``--api-key VALUE``, ``HF_TOKEN=VALUE``, ``"password": "VALUE"``."""

_PROSE = frozenset((MASK, "is", "was", "has", "and", "or", "of", "in", "to", "for"))

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NOUNS = re.compile(
    "apikey|authorization|credentials?|passphrase|passwd|password|privatekey|pwd|secret|token"
)
_KEYS = re.compile("(access|api|auth|client|encryption|private|secret|signing) key")


@lru_cache(maxsize=1024)  # The same few names are in every object.
def is_secret_name(name: str) -> bool:
    """Whether a field, flag or variable of this name holds a secret, rather than tells of one.

    >>> [is_secret_name(name) for name in ("HF_TOKEN", "--api-key", "clientSecret", "password2")]
    [True, True, True, True]
    >>> [is_secret_name(name) for name in ("secretName", "maxTokens", "TOKEN_FILE", "tokenizer")]
    [False, False, False, False]
    """
    words = [word.lower() for word in _WORD.findall(name) if not word.isdigit()]
    return bool(_NOUNS.fullmatch("".join(words[-1:])) or _KEYS.fullmatch(" ".join(words[-2:])))


def masked(text: str) -> str:
    """A text without what is a secret by its shape, or by the name before it.

    >>> masked("'--api-key=correct-horse' is one argument")
    "'--api-key=***' is one argument"
    >>> masked("set to 'hf_abcdefgh1234'"), masked("the token is missing")
    ("set to '***'", 'the token is missing')
    """
    text = TOKEN.sub(MASK, _LIKELY.sub(MASK, text))
    parts, end = [], 0
    for start, stop in _assigned(text):
        parts += [text[end:start], MASK]
        end = stop
    return "".join([*parts, text[end:]])


def assigned(text: str) -> list[str]:
    """The values of a text that are secrets by the names before them."""
    return [text[start:stop] for start, stop in _assigned(text)]


def _assigned(text: str) -> Iterator[tuple[int, int]]:
    end = 0
    for name in _NAME.finditer(text):
        if name.start() < end or not is_secret_name(name["flag"] or name["field"]):
            continue
        value = _VALUE.match(text, name.end())
        if value is None or value[0] in _PROSE or value[0].startswith(("$", "<", "{", "--")):
            continue
        start, end = value.span(value.lastindex or 0)
        if start < end:
            yield start, end
