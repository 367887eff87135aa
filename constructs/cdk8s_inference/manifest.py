"""Emits Kubernetes objects: decided in Python, handed to cdk8s in one piece."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from cdk8s_inference.construct_tree import ApiObject, ApiObjectMetadata, Construct, JsonPatch


def manifest(
    scope: Construct,
    id: str,
    *,
    api_version: str,
    kind: str,
    metadata: ApiObjectMetadata,
    body: Mapping[str, Any],
) -> ApiObject:
    """An object with ``body`` beside its metadata, usually ``{"spec": ...}``.

    Python's ``ApiObject`` takes no ``spec`` (cdk8s-core#2570), and a generated class for each
    kind costs twice as much; a patch carries the whole body across at once.
    """
    made = ApiObject(scope, id, api_version=api_version, kind=kind, metadata=metadata)
    made.add_json_patch(*(JsonPatch.add(f"/{key}", value) for key, value in body.items()))
    return made


def cluster_manifest(
    scope: Construct,
    id: str,
    *,
    api_version: str,
    kind: str,
    metadata: ApiObjectMetadata,
    body: Mapping[str, Any],
) -> ApiObject:
    """As :func:`manifest`, for an object of the whole cluster; ``metadata`` has a namespace.

    A chart gives each of its objects its namespace, also those that have none.
    """
    made = manifest(scope, id, api_version=api_version, kind=kind, metadata=metadata, body=body)
    made.add_json_patch(JsonPatch.remove("/metadata/namespace"))
    return made


def add(target: ApiObject, additions: Sequence[tuple[str, Any]]) -> None:
    """Adds values at JSON pointers of an object; a pointer that ends in ``-`` appends."""
    if additions:
        target.add_json_patch(*(_operation(path, json.dumps(value)) for path, value in additions))


def move_last(target: ApiObject, pointers: Sequence[str]) -> None:
    """Makes fields of an object the last of theirs, in this order: people read them so."""
    if pointers:
        target.add_json_patch(*map(_move, pointers))


@lru_cache(maxsize=256)
def _move(path: str) -> JsonPatch:
    return JsonPatch.move(path, path)


@lru_cache(maxsize=1024)
def _operation(path: str, value: str) -> JsonPatch:
    """Most additions are the same for every deployment, and each costs a call into Node.js."""
    return JsonPatch.add(path, json.loads(value))


def pointer(*keys: str | int) -> str:
    """A JSON pointer (RFC 6901) from its keys."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)
