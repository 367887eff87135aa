"""What a picker does with a configuration that its author may not have meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cdk8s_inference.picker_config.document import Listed, ListedProfile, PickerDocument
from cdk8s_inference.picker_config.problem import Placed, problem, who_has
from cdk8s_inference.releases import PickerRelease
from cdk8s_inference.releases.plugin_type import PROFILE_ROLES
from cdk8s_inference.source import Cursor


def advice(document: PickerDocument) -> Iterator[Placed]:
    """Findings that change no verdict."""
    yield from _ignored(document)
    yield from _deprecated(document)
    yield from _unused(document)
    yield from _prefix_producers(document)
    yield from _several_endpoints(document)
    yield from _data_layer(document)
    yield from _by_lot(document)
    yield from _unread_producers(document)
    yield from _miscounted(document)


def _ignored(document: PickerDocument) -> Iterator[Placed]:
    release = document.release
    strict = release.picker.config.strict_parameters
    for plugin in document.listed:
        known = plugin.known
        if known is None or (strict and known.parameters):
            continue
        names = {parameter.name.casefold() for parameter in known.parameters}
        for key, at in plugin.at["parameters"].fields():
            if key.casefold() not in names:
                yield problem(
                    "P501",
                    "warning",
                    at,
                    f"{release.title} ignores {key!r} of plugin {known.type!r}",
                    who_has(release, _taking(known.type, key), "remove it, or correct the name"),
                )


def _taking(type: str, parameter: str) -> Callable[[PickerRelease], bool]:
    def takes(release: PickerRelease) -> bool:
        known = release.plugins().get(type)
        return known is not None and known.parameter(parameter) is not None

    return takes


def _deprecated(document: PickerDocument) -> Iterator[Placed]:
    config = document.release.picker.config
    root = document.root
    if root["apiVersion"].value in config.api_versions[1:]:
        yield problem(
            "P502",
            "note",
            root["apiVersion"],
            f"apiVersion {root['apiVersion'].value} is deprecated",
            f"write {config.api_versions[0]}",
        )
    for name, instead in config.deprecated_fields.items():
        if root[name].present:
            yield problem("P502", "note", root[name], f"{name} is deprecated", f"use {instead}")
    for plugin in document.listed:
        if plugin.known is not None and (deprecation := plugin.known.deprecation) is not None:
            removal = f", gone from {deprecation.removal}" if deprecation.removal else ""
            yield problem(
                "P502",
                "note",
                plugin.at["type"],
                f"plugin {plugin.type!r} is deprecated since {deprecation.since}{removal}",
                f"use {deprecation.replacement}",
            )


def _referred(at: Cursor) -> Iterator[str]:
    """The plugins that another one's parameters name, as a tree of filters does."""
    for key, field in at.fields():
        if key == "pluginRef" and field.text:
            yield field.text
        else:
            yield from _referred(field)


def _unused(document: PickerDocument) -> Iterator[Placed]:
    run = {reference.text for profile in document.profiles for reference in profile.references}
    run |= {name for plugin in document.listed for name in _referred(plugin.at["parameters"])}
    if _without_picker(document):
        # It takes one that is listed.
        run |= {plugin.name for plugin in _pickers(document)}
    for plugin in document.listed:
        alone = plugin.known is not None and set(plugin.known.roles) <= PROFILE_ROLES
        if alone and plugin.name not in run:
            yield problem(
                "P503",
                "warning",
                plugin.at,
                f"plugin {plugin.name!r} is listed, and no profile runs it",
                "name it in a profile, or remove it",
            )


def _of_type(document: PickerDocument, type: str) -> Iterator[Listed]:
    return (plugin for plugin in document.listed if plugin.type == type)


def _prefix_producers(document: PickerDocument) -> Iterator[Placed]:
    smallest = document.release.picker.smallest_block_tokens
    for producer in _of_type(document, "approx-prefix-cache-producer"):
        block = producer.written("blockSizeTokens")
        if block is not None and isinstance(block.value, int) and 0 < block.value < smallest:
            yield problem(
                "P504",
                "note",
                block,
                f"blockSizeTokens is {block.value}; the picker counts blocks of {smallest}",
                f"write {smallest}",
            )
        blocks = producer.written("maxPrefixBlocksToMatch")
        if blocks is not None and producer.value("maxPrefixTokensToMatch"):
            yield problem(
                "P505",
                "warning",
                blocks,
                "maxPrefixBlocksToMatch counts only while maxPrefixTokensToMatch is 0, and that "
                f"is {producer.value('maxPrefixTokensToMatch')}",
                "write maxPrefixTokensToMatch",
            )


def _several_endpoints(document: PickerDocument) -> Iterator[Placed]:
    for plugin in document.listed:
        at = plugin.written("maxNumOfEndpoints") if plugin.has_role("picker") else None
        if at is not None and isinstance(at.value, int) and at.value > 1:
            yield problem(
                "P506",
                "warning",
                at,
                f"the picker names {at.value} pods, and a gateway that dials the answer as one "
                "address cannot (Envoy AI Gateway)",
                "write 1",
            )


def _data_layer(document: PickerDocument) -> Iterator[Placed]:
    layer = document.root["dataLayer"]
    named = [source["pluginRef"].text or "" for source in layer["sources"].items()]
    types = {known.type for name in named if (known := document.type_of(name)) is not None}
    added = (
        document.release.picker.config.additive_data_layer
        and layer["injectDefaults"].value is not False
    )
    if layer.present and not added and "metrics-data-source" not in types:
        yield problem(
            "P507",
            "warning",
            layer,
            "the picker reads no engine metrics: queues and caches count as empty, or as full",
            "add metrics-data-source with core-metrics-extractor",
        )
    readers = {
        extractor["pluginRef"].text
        for source in layer["sources"].items()
        for extractor in source["extractors"].items()
    }
    for plugin in document.listed:
        told = plugin.name in readers or plugin.written("kvEventsConfig.zmqEndpoint") is not None
        if plugin.type in _EVENT_READERS and not told:
            yield problem(
                "P508",
                "warning",
                plugin.at,
                f"plugin {plugin.name!r} learns of no pod, so its every score is 0",
                "add endpoint-notification-source to dataLayer.sources, with it as extractor",
            )


_EVENT_READERS = ("precise-prefix-cache-producer", "precise-prefix-cache-scorer")


def _pickers(document: PickerDocument) -> list[Listed]:
    return [plugin for plugin in document.listed if plugin.has_role("picker")]


def _without_picker(document: PickerDocument) -> list[ListedProfile]:
    return [
        profile
        for profile in document.profiles
        if not any(plugin.has_role("picker") for plugin in profile.runs(document.plugins))
    ]


def _by_lot(document: PickerDocument) -> Iterator[Placed]:
    listed = [plugin.name for plugin in _pickers(document)]
    if len(listed) > 1:
        for profile in _without_picker(document):
            yield problem(
                "P509",
                "warning",
                profile.at,
                f"profile {profile.name!r} names no picker, and takes one of {', '.join(listed)} "
                "by lot at each start",
                "name the picker",
            )


def _unread_producers(document: PickerDocument) -> Iterator[Placed]:
    """From v0.9.0 on data goes by its producer's name, and the default is its type."""
    named = {
        at.text
        for plugin in document.listed
        for parameter in (plugin.known.parameters if plugin.known else ())
        if parameter.name.endswith("roducerName")
        and (at := plugin.written(parameter.name)) is not None
    }
    for plugin in document.listed:
        default = plugin.type in document.release.picker.config.default_producers.values()
        if default and plugin.name not in {plugin.type, *named}:
            yield problem(
                "P511",
                "warning",
                plugin.at,
                f"producer {plugin.name!r} is named otherwise than its type, so that the picker "
                f"creates another {plugin.type} with defaults, and reads that",
                "leave its name out",
            )


def _miscounted(document: PickerDocument) -> Iterator[Placed]:
    """Before v0.9.0 all of them write one record of a pod, and the precise scorer is the last.

    It writes one block of one token for any match, whatever the tiers weigh (llm-d-router#1047).
    """
    if document.release.picker.config.default_producers:
        return
    run = {
        plugin.type for profile in document.profiles for plugin in profile.runs(document.plugins)
    }
    for decider in _of_type(document, "prefix-based-pd-decider"):
        if "precise-prefix-cache-scorer" in run:
            yield problem(
                "P510",
                "warning",
                decider.at,
                "the decider takes what precise-prefix-cache-scorer writes of a pod, one token at "
                "most, for what the pod has cached: it prefills cached prompts elsewhere",
                "use router v0.9.0 or newer, or approx-prefix-cache-producer alone",
            )
