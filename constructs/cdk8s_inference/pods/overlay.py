"""Strategic merge: how Kubernetes lays one part of a pod template over another.

What ``kubectl patch --type strategic`` does: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ports": "containerPort",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""The lists of a pod template whose entries are merged, and the field that tells which are one.

``x-kubernetes-patch-merge-key`` in Kubernetes' OpenAPI document. Any other list replaces the one
below it."""

_ONE_OF = ("env", "resourceClaims", "volumes")
"""Lists of entries with one source out of several: another source takes the place of the first.

Kubernetes has the strategy ``retainKeys`` for volumes and claims. For ``env`` it has none: it would
keep both ``value`` and ``valueFrom``, which the API server refuses."""

_DIRECTIVE = "$patch"


def overlaid(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """``overlay`` over ``base``; neither is changed, nor part of the result.

    Objects are merged by key, and ``None`` removes a key. Lists of :data:`MERGE_KEYS` are merged
    by entry, new entries last; other lists are replaced. ``{"$patch": "replace", ...}`` replaces an
    object whole, ``{"$patch": "delete"}`` removes it, or the entry of a list that has its key.

    >>> overlaid({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}})
    {'a': {'c': 2, 'd': 3}}
    >>> containers = {"containers": [{"name": "engine", "image": "i"}]}
    >>> overlaid(containers, {"containers": [{"name": "engine", "tty": True}]})
    {'containers': [{'name': 'engine', 'image': 'i', 'tty': True}]}
    """
    result = dict(deepcopy(base))
    if overlay.get(_DIRECTIVE) == "replace":
        result = {}
    for key, value in overlay.items():
        if key == _DIRECTIVE:
            continue
        if value is None or (isinstance(value, Mapping) and value.get(_DIRECTIVE) == "delete"):
            result.pop(key, None)
            continue
        present = result.get(key)
        if isinstance(value, Mapping):
            result[key] = overlaid(present if isinstance(present, Mapping) else {}, value)
        elif key in MERGE_KEYS and isinstance(value, Sequence):
            result[key] = _merged_list(present or [], value, key)
            if not result[key] and key not in base:
                del result[key]
        else:
            result[key] = deepcopy(value)
    return result


def _merged_list(
    base: Sequence[Mapping[str, Any]], overlay: Sequence[Mapping[str, Any]], field: str
) -> list[dict[str, Any]]:
    name = MERGE_KEYS[field]
    replaced = any(entry.get(_DIRECTIVE) == "replace" and name not in entry for entry in overlay)
    merged = {} if replaced else {entry[name]: dict(entry) for entry in base}
    for entry in overlay:
        if name not in entry:
            continue
        key, below = entry[name], merged.get(entry[name], {})
        if entry.get(_DIRECTIVE) == "delete":
            merged.pop(key, None)
            continue
        if field in _ONE_OF:
            below = {kept: value for kept, value in below.items() if kept in entry}
        merged[key] = overlaid(below, entry)
    return list(merged.values())
