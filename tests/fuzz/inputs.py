"""The inputs of the fuzzer, each made from its number."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Any

import yaml

import cdk8s_inference
from tests.document.builders import as_yaml, everything_current, gangs, prefill_decode, unified
from tests.fuzz import damage

VALUES = (
    "ApproximatePrefix", "DeviceRequest", "DisaggregatedConfig", "Engine", "EnvVar", "Gateway",
    "Member", "PickerOptions", "Platform", "Plugin", "PrecisePrefix", "PrefixThreshold", "Probes",
    "Profile", "RawPickerConfig", "Shutdown", "SidecarOptions", "StackVersions", "UnifiedConfig",
)  # fmt: skip


@dataclass(frozen=True)
class Input:
    """An input.

    Attributes:
        kind: ``document``, ``manifests`` or ``props``.
        content: A file's content, for the first two.
        make: Makes a value of Python, for the last.
    """

    kind: str
    content: bytes = b""
    make: Callable[[], Any] | None = None


def document(dice: Random) -> Input:
    """A ModelDeployment or ServingStack, as a damaged text or with damaged values."""
    whole = dice.choice([unified(), prefill_decode(), gangs(), everything_current(), *_stacks()])
    if dice.random() < 0.5:
        return Input("document", damage.text(_written(dice, [whole]), dice))
    return Input("document", _written(dice, damage.data([whole], dice)).encode(errors="replace"))


def manifests(dice: Random) -> Input:
    """Objects of one of the package's examples, with damaged values or as a damaged text."""
    objects = dice.choice(_bases())
    if dice.random() < 0.8:
        content = _written(dice, damage.data(objects, dice)).encode(errors="replace")
    else:
        content = damage.text(_written(dice, objects), dice)
    return Input("manifests", content)


def props(dice: Random) -> Input:
    """A value of the public API from arguments of any type."""
    made = getattr(cdk8s_inference, dice.choice([each for each in VALUES if _is_public(each)]))
    names = list(inspect.signature(made).parameters)
    chosen = dice.sample(names, dice.randint(0, min(len(names), 4)))
    arguments = {name: dice.choice([*damage.ODD, *_PYTHON]) for name in chosen}
    return Input("props", make=lambda: made(**arguments))


KINDS: Mapping[str, Callable[[Random], Input]] = {
    "document": document,
    "manifests": manifests,
    "props": props,
}

_PYTHON: list[Any] = [float("inf"), float("nan"), (), set(), b"x", object(), int, "gpu", "default"]


def _is_public(name: str) -> bool:
    return name in cdk8s_inference.__all__


def _written(dice: Random, objects: list[Any]) -> str:
    how = dice.randrange(4)
    if how == 0 and len(objects) == 1:
        return json.dumps(objects[0])
    if how == 1:
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=1)
    if how == 2:
        return yaml.safe_dump_all(objects, default_flow_style=True, width=10**6)
    return "---\n".join(map(as_yaml, objects))


@cache
def _bases() -> list[list[Any]]:
    folder = resources.files("cdk8s_inference.findings.examples")
    files = sorted(
        (each for each in folder.iterdir() if each.name.endswith(".yaml")), key=lambda e: e.name
    )
    return [list(yaml.safe_load_all(each.read_text())) for each in files]


@cache
def _stacks() -> list[Any]:
    return [each for base in _bases() for each in base if each.get("kind") == "ServingStack"]
