"""How much text plain data hold, which is the least that storing them takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk8s_inference.source.cursor import Cursor

MAX_OBJECT = 3 * 512 * 1024
"""Bytes of a request that etcd takes, by its default: what an API server can store of an object."""


def text_size(value: Any) -> int:
    """Bytes of all strings in a value; not of what is between them, which an encoding may spare."""
    size, left = 0, [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            size += len(each) if each.isascii() else len(each.encode(errors="replace"))
        elif isinstance(each, Mapping):
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
    return size


def largest_field(cursor: Cursor) -> Cursor:
    """The innermost field that holds more than half of a value's text."""
    half = text_size(cursor.value) // 2
    while True:
        children = (*cursor.items(), *(child for _, child in cursor.fields()))
        largest = max(children, key=lambda child: text_size(child.value), default=cursor)
        if text_size(largest.value) <= half or largest is cursor:
            return cursor
        cursor = largest


def too_large(cursor: Cursor, document_characters: int | None) -> int | None:
    """The size of an object that an API server does not store; None for others.

    Args:
        cursor: The object.
        document_characters: Those of the document that it is in, where they are known.
    """
    if document_characters is not None and 4 * document_characters <= MAX_OBJECT:
        return None
    size = text_size(cursor.value)
    return size if size > MAX_OBJECT else None
