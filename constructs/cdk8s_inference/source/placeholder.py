"""Values that something else fills in before they are used: such a value was not read."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(r"\$[({]|\$[A-Za-z_]|\{\{")

_BEFORE_APPLY = re.compile(
    r"\$\{[^{}\n]+\}"  # envsubst, Flux's postBuild.substitute
    r"|\{\{[^{}\n]*\}\}"  # Helm, Jinja
    r"|(?<!\$)\$[A-Z_][A-Z0-9_]*\b"  # envsubst
    r"|<[A-Z][A-Z0-9_ -]*>|<[yY]our?[ _-][^<>\n]*>|<[a-z0-9]+(?:[_-][a-z0-9]+)+>"  # a person
)

_FOR_A_PERSON = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z0-9]*_[A-Z0-9_]*[A-Z]|[A-Z]{5,})|<[^<>\n]+>")


def has_placeholder(text: str) -> bool:
    """Whether a template, envsubst or the kubelet still has to fill a text in.

    >>> [has_placeholder(text) for text in ("${TAG}", "$(POD_IP)", "{{ .tag }}", "v1.0", "a$")]
    [True, True, True, False, False]
    """
    return _PLACEHOLDER.search(text) is not None


def is_for_a_person(text: str) -> bool:
    """Whether a text has a word that a person is to replace, where no such word can be meant.

    Only for values in which words in capitals are wrong anyway, such as names, images and
    quantities: elsewhere they may be names of variables.

    >>> [is_for_a_person(text) for text in ("PROJECT_ID/vllm:v1", "<ADD LUN ID Here>", "vLLM/a")]
    [True, True, False]
    """
    return _FOR_A_PERSON.search(text) is not None


def placeholder_in(text: str) -> str | None:
    """The first text in a text that is replaced before the object is applied; None without one.

    ``$(NAME)`` is none: the kubelet replaces it afterwards.

    >>> placeholder_in("registry/${IMAGE}:v1"), placeholder_in("<MODEL_NAME>")
    ('${IMAGE}', '<MODEL_NAME>')
    >>> placeholder_in("$(POD_IP)")
    """
    found = _BEFORE_APPLY.search(text)
    return found[0] if found else None


def is_placeholder(text: str) -> bool:
    """Whether a whole text is replaced before the object is applied."""
    return _BEFORE_APPLY.fullmatch(text.strip()) is not None
