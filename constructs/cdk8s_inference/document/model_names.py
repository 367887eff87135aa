"""What an engine calls its model: the names by which requests ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

from cdk8s_inference.servers import VLLM, Invocation
from cdk8s_inference.servers.command_line import words
from cdk8s_inference.servers.invocation import is_unread


def model_name(
    given: Invocation, command: Sequence[str] | None, args: Sequence[str] | None
) -> str | None:
    """The model that flags, or the word after ``serve``, name; None where none can be read."""
    names = (given.server or VLLM).names
    said = given.text(names.model) if names.model else None
    if said is None:
        pairs = pairwise(words(command, args))
        said = next((word for before, word in pairs if before == "serve" and word[:1] != "-"), None)
    return None if said is None or is_unread(said) else said


def served_names(
    given: Invocation, command: Sequence[str] | None, args: Sequence[str] | None
) -> list[str]:
    """The names that flags give the model; empty where they give none that can be read."""
    flag = (given.server or VLLM).names.served_model
    found: list[str] = []
    texts = words(command, args)
    for at, text in enumerate(texts):
        name, equals, value = text.partition("=")
        if name == flag:
            following = takewhile(lambda word: word[:1] != "-", texts[at + 1 :])
            found = [value] if equals else list(following)
    return [] if any(map(is_unread, found)) else found
