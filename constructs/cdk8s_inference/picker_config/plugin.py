"""A plugin of the endpoint picker, as a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from cdk8s_inference.arguments import Constraint, NonEmpty, Problem, checked
from cdk8s_inference.arguments.json_value import json_problems
from cdk8s_inference.findings import Path


def _parameters(value: Any, path: Path) -> Iterator[Problem]:
    yield from json_problems(value, path, besides=Plugin)


@checked
@dataclass(frozen=True)
class Plugin:
    """One instance of a plugin type.

    Attributes:
        type: The type, as the release registers it.
        parameters: What it is given. A :class:`Plugin` among the values, at any depth, becomes
            its name, and is listed before this one: a name that is not listed cannot be written.
        name: Its name; the type where there is one instance of it.
    """

    type: NonEmpty
    parameters: Annotated[Mapping[str, Any], Constraint(_parameters)] = field(default_factory=dict)
    name: NonEmpty | None = None

    @property
    def reference(self) -> str:
        """What profiles and other plugins call it."""
        return self.name or self.type

    def with_referred(self) -> Iterator[Plugin]:
        """The plugins among its parameters, each after those among its own, and itself last."""
        yield from _referred(self.parameters)
        yield self


def listed(plugins: Iterable[Plugin]) -> list[dict[str, Any]]:
    """The plugins as a configuration lists them: each once, after those that it refers to."""
    declarations: dict[str, Plugin] = {}
    doubles: list[Plugin] = []
    for plugin in plugins:
        for each in plugin.with_referred():
            # Two that differ both stay, so that the check of the whole names them.
            if declarations.setdefault(each.reference, each) != each and each not in doubles:
                doubles.append(each)
    return [_declaration(plugin) for plugin in (*declarations.values(), *doubles)]


def _referred(value: Any) -> Iterator[Plugin]:
    if isinstance(value, Plugin):
        yield from value.with_referred()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _referred(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _referred(item)


def _declaration(plugin: Plugin) -> dict[str, Any]:
    declaration: dict[str, Any] = {"type": plugin.type}
    if plugin.name is not None:
        declaration["name"] = plugin.name
    if plugin.parameters:
        declaration["parameters"] = _plain(plugin.parameters)
    return declaration


def _plain(value: Any) -> Any:
    if isinstance(value, Plugin):
        return value.reference
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
