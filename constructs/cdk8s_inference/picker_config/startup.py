"""What keeps a picker from starting with a configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from cdk8s_inference.picker_config.document import Listed, PickerDocument
from cdk8s_inference.picker_config.fields import field_problems, kind_problems
from cdk8s_inference.picker_config.problem import (
    Placed,
    error,
    who_has,
)
from cdk8s_inference.picker_config.stages import stage_problems
from cdk8s_inference.releases import PickerRelease
from cdk8s_inference.source import Cursor

_KIND = "EndpointPickerConfig"
_SINGLE = "single-profile-handler"


def startup_problems(document: PickerDocument, *, experimental: bool) -> Iterator[Placed]:
    """Every error of the configuration, where the picker would name the first and exit.

    Args:
        document: The configuration.
        experimental: Whether the picker has the flag that alpha plugins need.
    """
    root = document.root
    if not root.value or not isinstance(root.value, dict):
        yield error("P101", root, "not a mapping", f"write an {_KIND}")
        return
    yield from _versions(document)
    yield from field_problems(
        Cursor({key: value for key, value in root.value.items() if key not in _META}),
        document.release.picker.config.fields,
        "this release's configuration",
    )
    yield from _gates(document)
    yield from _plugins(document, experimental)
    yield from stage_problems(document)
    yield from _profile_handler(document)
    yield from _profiles(document)
    yield from _other_references(document)
    yield from _producers(document)


_META = ("apiVersion", "kind")


def _versions(document: PickerDocument) -> Iterator[Placed]:
    root, release = document.root, document.release
    accepted = release.picker.config.api_versions
    if root["apiVersion"].value not in accepted:
        yield error(
            "P102",
            root["apiVersion"],
            f"apiVersion is {root['apiVersion'].value!r}, but {release.title} reads "
            + " and ".join(accepted),
            f"write apiVersion: {accepted[0]}",
        )
    if root["kind"].value != _KIND:
        yield error("P102", root["kind"], f"kind is {root['kind'].value!r}", f"write kind: {_KIND}")


def _gates(document: PickerDocument) -> Iterator[Placed]:
    release, config = document.release, document.release.picker.config
    for gate in document.root["featureGates"].items():
        name, equals, value = (gate.text or "").partition("=")
        if not config.gate_values:
            name, equals = gate.text or "", ""
        if name not in config.gates:
            yield error(
                "P105",
                gate,
                f"{release.title} has no feature gate {name!r}",
                f"remove it; it has {', '.join(config.gates) or 'none'}",
            )
        elif equals and value.strip().lower() not in {"true", "false", "t", "f", "1", "0"}:
            yield error("P105", gate, f"{value!r} switches nothing", "write true or false")


def _plugins(document: PickerDocument, experimental: bool) -> Iterator[Placed]:
    release = document.release
    for plugin in document.listed:
        if plugin.type is None:
            yield error("P106", plugin.at, "a plugin has no type", "give its type")
            continue
        if plugin.known is None:
            yield error(
                "P106",
                plugin.at["type"],
                f"{release.title} registers no plugin {plugin.type!r}",
                who_has(release, _registering(plugin.type), "correct the type"),
            )
            continue
        if document.plugins[plugin.name] is not plugin:
            first = document.plugins[plugin.name].at
            yield error(
                "P107",
                plugin.at,
                f"name {plugin.name!r} is taken by plugins[{first.path[-1]}]",
                "list it once, or give each its own name",
            )
        if plugin.known.stage == "alpha" and not experimental:
            yield error(
                "P108",
                plugin.at["type"],
                f"plugin {plugin.type!r} is alpha in {release.title}",
                f"run the picker with --{release.picker.experimental_flag}=true, or do without it",
            )
        yield from _parameters(plugin, document)


def _registering(type: str) -> Callable[[PickerRelease], bool]:
    return lambda release: release.has_plugin(type)


def _parameters(plugin: Listed, document: PickerDocument) -> Iterator[Placed]:
    """Wrong kinds in every release; unknown names where the release is strict.

    A type that takes no parameters does not look at them.
    """
    assert plugin.known is not None
    if not plugin.known.parameters:
        return
    known = {parameter.name.casefold(): parameter for parameter in plugin.known.parameters}
    for key, at in plugin.at["parameters"].fields():
        parameter = known.get(key.casefold())
        if parameter is not None:
            problems = kind_problems(at, parameter, f"plugin {plugin.type!r}")
            strict = document.release.picker.config.strict_parameters
            yield from (each for each in problems if strict or each[0].code != "P103")
        elif document.release.picker.config.strict_parameters:
            yield error(
                "P109",
                at,
                f"plugin {plugin.type!r} of {document.release.title} takes no {key!r}",
                f"remove it; it takes {', '.join(each.name for each in known.values())}",
            )
    groups = [
        sorted(name for name in group if plugin.written(name) is not None)
        for group in plugin.known.exclusive
    ]
    used = [names for names in groups if names]
    if len(used) > 1:
        yield error(
            "P110",
            plugin.at["parameters"],
            f"{' and '.join(', '.join(names) for names in used)} exclude each other",
            f"keep {', '.join(used[0])}",
        )


def _profile_handler(document: PickerDocument) -> Iterator[Placed]:
    handlers, count = document.handlers, len(document.profiles)
    if len(handlers) > 1:
        names = ", ".join(handler.name for handler in handlers)
        yield error(
            "P113", handlers[1].at, f"several profile handlers: {names}", "keep one of them"
        )
    elif not handlers and count > 1:
        yield error(
            "P113",
            document.root["plugins"],
            f"{count} profiles and no profile handler",
            "list disagg-profile-handler with a decider",
        )
    elif handlers and handlers[0].type == _SINGLE and count > 1:
        yield error(
            "P113",
            handlers[0].at,
            f"{_SINGLE} runs one profile, found {count}",
            "use disagg-profile-handler, or keep one profile",
        )


def _profiles(document: PickerDocument) -> Iterator[Placed]:
    counts = Counter(profile.name for profile in document.profiles)
    for profile in document.profiles:
        if not profile.name:
            yield error("P114", profile.at, "a profile has no name", "name it")
        elif counts[profile.name] > 1:
            yield error(
                "P114", profile.at, f"two profiles are named {profile.name!r}", "keep one of them"
            )
        for reference in profile.references:
            yield from _reference(document, reference)
        pickers = [plugin for plugin in profile.runs(document.plugins) if plugin.has_role("picker")]
        if len(pickers) > 1:
            yield error(
                "P115",
                profile.at,
                f"profile {profile.name!r} has several pickers: "
                + ", ".join(plugin.name for plugin in pickers),
                "keep one of them",
            )


def _reference(
    document: PickerDocument, reference: Cursor, *, parser: bool = False
) -> Iterator[Placed]:
    name = reference.text or ""
    config = document.release.picker.config
    if name in document.plugins:
        return
    unlisted = document.release.plugins().get(name)
    if unlisted is not None and (
        (parser and config.undeclared_parsers)
        or (name in config.undeclared and not _replaced(document, name))
    ):
        return
    yield error(
        "P111",
        reference,
        f"plugin {name!r} is not listed",
        "list it under plugins, or correct the name",
    )


def _replaced(document: PickerDocument, name: str) -> bool:
    """Whether the picker does without a plugin of its own, since another of its role is listed."""
    roles = set(document.release.plugin(name).roles) & {"picker", "profile handler"}
    return any(plugin.has_role(role) for role in roles for plugin in document.listed)


def _other_references(document: PickerDocument) -> Iterator[Placed]:
    root = document.root
    for parser in document.parsers:
        yield from _reference(document, parser, parser=True)
    for source in root.at("dataLayer", "sources").items():
        yield from _reference(document, source["pluginRef"])
        for extractor in source["extractors"].items():
            yield from _reference(document, extractor["pluginRef"])
    for detector in (root["saturationDetector"], root.at("flowControl", "saturationDetector")):
        if detector["pluginRef"].present:
            yield from _reference(document, detector["pluginRef"])


def _producers(document: PickerDocument) -> Iterator[Placed]:
    """Data that a plugin cannot do without, and that neither a listed plugin nor the picker makes.

    v0.8.0 asks for none; what it lacks is silent there.
    """
    defaults = document.release.picker.config.default_producers
    if not defaults:
        return
    produced = document.produced()
    for plugin in document.listed:
        known = plugin.known
        for data in known.consumes if known is not None else ():
            if data not in produced:
                makers = [
                    maker.type
                    for maker in document.release.plugins_for("producer")
                    if data in maker.produces
                ]
                yield error(
                    "P116",
                    plugin.at,
                    f"plugin {plugin.name!r} reads the {data}, which nothing produces",
                    f"list {' or '.join(makers)}",
                )
        for parameter in known.parameters if known is not None else ():
            at = plugin.written(parameter.name) if parameter.reads is not None else None
            if at is None or parameter.reads is None or not at.text:
                continue
            if at.text not in document.plugins and at.text != defaults.get(parameter.reads):
                yield error(
                    "P116",
                    at,
                    f"plugin {plugin.name!r} reads the {parameter.reads} of {at.text!r}, which is "
                    "not listed",
                    "list it under plugins, or correct the name",
                )
