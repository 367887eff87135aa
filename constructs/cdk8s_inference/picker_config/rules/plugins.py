"""Whether the release has the plugins, and finds those that are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import edited, picker_config
from cdk8s_inference.picker_config.document import Listed, PickerDocument
from cdk8s_inference.picker_config.example_configs import (
    DECIDER,
    HANDLER,
    PRECISE_WITH_SOURCE,
    PRODUCER,
    WORKS,
    WORKS_IN_V0_8_0,
)
from cdk8s_inference.picker_config.rule import EXITS, rule
from cdk8s_inference.releases import PickerRelease
from cdk8s_inference.source import Cursor


@rule(
    "P106",
    "error",
    "The release has no such plugin",
    why=EXITS,
    evidence=SEEN_RUN,
    fix="correct the plugin's type, or run a release that has it",
    example=picker_config(
        edited(WORKS_IN_V0_8_0, (PRODUCER, f"{PRODUCER}  - type: token-producer\n")),
        WORKS_IN_V0_8_0,
        release="v0.8.0",
    ),
)
def unknown_type(document: PickerDocument) -> Iterator[Violation]:
    release = document.release
    for plugin in document.listed:
        if plugin.type is None:
            yield Violation(plugin.at, "a plugin has no type", fix="add its type")
        elif plugin.known is None:
            yield Violation(
                plugin.at["type"],
                f"{release.title} registers no plugin {plugin.type!r}",
                fix=release.who_has(_registering(plugin.type)) or "correct the type",
            )


def _registering(type: str) -> Callable[[PickerRelease], bool]:
    return lambda release: release.has_plugin(type)


@rule(
    "P107",
    "error",
    "Two plugins have the same name",
    why=f"{EXITS} A plugin without a name has its type as its name.",
    evidence=SEEN_RUN,
    fix="list the plugin once, or give each its own name",
    example=picker_config(edited(WORKS, (PRODUCER, f"  - type: queue-scorer\n{PRODUCER}")), WORKS),
)
def duplicate_name(document: PickerDocument) -> Iterator[Violation]:
    for plugin in document.registered():
        first = document.plugins[plugin.name]
        if first is not plugin:
            yield Violation(
                plugin.at,
                f"plugins[{first.at.path[-1]}] has the name {plugin.name!r} as well",
                first.at,
            )


@rule(
    "P108",
    "error",
    "A plugin is alpha, and alpha plugins are not enabled",
    why=f"{EXITS} An upgrade to v0.10.0 can cause it: agent-identity and the session affinity "
    "plugins are alpha there, and were not before.",
    evidence="Read in the source of llm-d-router v0.10.0, the first release with alpha plugins.",
    fix="run the picker with --allow-experimental-plugins=true, or remove the plugin",
    example=picker_config(
        edited(WORKS, (PRODUCER, f"{PRODUCER}  - type: agent-identity\n")),
        WORKS,
        release="v0.10.0",
    ),
)
def alpha_plugin(document: PickerDocument) -> Iterator[Violation]:
    release = document.release
    for plugin in document.registered():
        if plugin.known is not None and plugin.known.stage == "alpha" and not document.experimental:
            yield Violation(
                plugin.at["type"],
                f"plugin {plugin.type!r} is alpha in {release.title}",
                fix=f"run the picker with --{release.picker.experimental_flag}=true, or remove it",
            )


@rule(
    "P109",
    "error",
    "A plugin has no such parameter",
    why=f"{EXITS} Router v0.8.0 ignores the parameter instead.",
    evidence="Seen run with router v0.9.0 and v0.10.0; llm-d/llm-d-router#1134.",
    fix="remove the parameter, or correct its name",
    example=picker_config(
        edited(WORKS, ("nonCachedTokens: 16", "nonCachedTokens: 16\n      promptTokens: 100")),
        WORKS,
        release="v0.9.0",
    ),
)
def unknown_parameter(document: PickerDocument) -> Iterator[Violation]:
    if not document.release.picker.config.strict_parameters:
        return
    for plugin, key, at in document.unknown_parameters():
        assert plugin.known is not None
        # A type that takes no parameters does not read them.
        if plugin.known.parameters:
            known = ", ".join(each.name for each in plugin.known.parameters)
            yield Violation(
                at,
                f"plugin {plugin.type!r} of {document.release.title} has no parameter {key!r}",
                fix=f"remove it; it takes {known}",
            )


@rule(
    "P111",
    "error",
    "A plugin is named that is not listed, or has another role",
    why=EXITS,
    evidence="The picker looks up every reference at its start; read in the source of "
    "llm-d-router v0.10.0.",
    fix="list the plugin under plugins, or correct the name",
    example=picker_config(
        edited(WORKS, ("        prefill: prefix-based", "        prefill: prefix")), WORKS
    ),
)
def unlisted_plugin(document: PickerDocument) -> Iterator[Violation]:
    for at, is_parser in document.references():
        if not document.resolves(at.text or "", parser=is_parser):
            yield Violation(at, f"plugin {at.text or ''!r} is not listed")
    release = document.release
    ordered = release.picker.config.declares_before_use
    for handler, at, name in document.named_deciders():
        decider = document.plugins.get(name)
        if decider is None:
            yield Violation(
                at,
                f"decider {name!r} of {handler.name!r} is not listed",
                fix=f"list it under plugins{' before the handler' if ordered else ''}",
            )
        elif decider.known is not None and not decider.has_role("decider"):
            kinds = ", ".join(plugin.type for plugin in release.plugins_for("decider"))
            yield Violation(at, f"plugin {name!r} is not a decider", fix=f"name one of {kinds}")


@rule(
    "P112",
    "error",
    "A decider is listed after its profile handler",
    why=f"{EXITS} Before v0.10.0 it creates plugins in the order of the list.",
    evidence="Seen run with router v0.8.0 and v0.9.0; llm-d/llm-d-router#1876.",
    fix="list the decider before the handler",
    example=picker_config(
        edited(WORKS, (DECIDER, ""), (HANDLER, HANDLER + DECIDER)), WORKS, release="v0.9.0"
    ),
)
def late_decider(document: PickerDocument) -> Iterator[Violation]:
    if not document.release.picker.config.declares_before_use:
        return
    for handler, _, name in document.named_deciders():
        decider = document.plugins.get(name)
        if decider is None or not decider.has_role("decider"):
            continue
        if document.listed.index(decider) > document.listed.index(handler):
            yield Violation(
                decider.at,
                f"decider {name!r} is listed after {handler.name!r}, which "
                f"{document.release.title} creates first",
                handler.at,
            )


@rule(
    "P116",
    "error",
    "No producer makes the data that a plugin reads",
    why=f"{EXITS} From v0.9.0 on it creates most producers by itself, but none under a name that "
    "is not a type's.",
    evidence="Read in the source of llm-d-router v0.9.0 and v0.10.0.",
    fix="list the producer, or correct its name",
    example=picker_config(
        edited(
            PRECISE_WITH_SOURCE,
            ("ProducerName: precise-prefix-cache-producer", "ProducerName: precise-prefix"),
        ),
        PRECISE_WITH_SOURCE,
    ),
)
def missing_producer(document: PickerDocument) -> Iterator[Violation]:
    # v0.8.0 requires none: what is missing there is P306.
    if not document.release.picker.config.default_producers:
        return
    produced = document.produced()
    for plugin in document.listed:
        for data in plugin.known.consumes if plugin.known is not None else ():
            if data not in produced:
                makers = [
                    maker.type
                    for maker in document.release.plugins_for("producer")
                    if data in maker.produces
                ]
                yield Violation(
                    plugin.at,
                    f"plugin {plugin.name!r} reads the {data}, which no listed plugin produces",
                    fix=f"list {' or '.join(makers)}",
                )
        yield from _unlisted_producers(document, plugin)


def _unlisted_producers(document: PickerDocument, plugin: Listed) -> Iterator[Violation]:
    defaults = document.release.picker.config.default_producers
    for parameter in plugin.known.parameters if plugin.known is not None else ():
        at: Cursor | None = plugin.written(parameter.name) if parameter.reads is not None else None
        if at is None or parameter.reads is None or not at.text:
            continue
        if at.text not in document.plugins and at.text != defaults.get(parameter.reads):
            yield Violation(
                at,
                f"plugin {plugin.name!r} reads the {parameter.reads} of {at.text!r}, which is not "
                "listed",
                fix="list it under plugins, or correct the name",
            )
