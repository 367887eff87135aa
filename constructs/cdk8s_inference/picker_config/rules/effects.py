"""Settings that have no effect, or another one than they seem to have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import edited, picker_config
from cdk8s_inference.picker_config.document import PickerDocument
from cdk8s_inference.picker_config.example_configs import (
    PRECISE,
    PRECISE_WITH_SOURCE,
    PRODUCER,
    WORKS,
    WORKS_IN_V0_8_0,
)
from cdk8s_inference.picker_config.rule import rule
from cdk8s_inference.releases import PickerRelease
from cdk8s_inference.releases.plugin_type import PROFILE_ROLES
from cdk8s_inference.source import Cursor

_EVENT_READERS = ("precise-prefix-cache-producer", "precise-prefix-cache-scorer")


@rule(
    "P501",
    "warning",
    "The picker ignores a parameter",
    why="The picker runs as if the parameter were not there, and does not log it.",
    evidence="Seen run with router v0.8.0; llm-d/llm-d-router#1134.",
    fix="remove the parameter, or correct its name",
    example=picker_config(
        edited(
            WORKS_IN_V0_8_0,
            ("nonCachedTokens: 16", "nonCachedTokens: 16\n      promptTokens: 100"),
        ),
        WORKS_IN_V0_8_0,
        release="v0.8.0",
    ),
)
def ignored_parameter(document: PickerDocument) -> Iterator[Violation]:
    release = document.release
    strict = release.picker.config.strict_parameters
    for plugin, key, at in document.unknown_parameters():
        assert plugin.known is not None
        if not (strict and plugin.known.parameters):
            yield Violation(
                at,
                f"{release.title} ignores {key!r} of plugin {plugin.known.type!r}",
                fix=release.who_has(_taking(plugin.known.type, key))
                or "remove it, or correct the name",
            )


def _taking(type: str, parameter: str) -> Callable[[PickerRelease], bool]:
    def takes(release: PickerRelease) -> bool:
        known = release.plugins().get(type)
        return known is not None and known.parameter(parameter) is not None

    return takes


@rule(
    "P502",
    "note",
    "A field, plugin or apiVersion is deprecated",
    why="It works until a later release of the router refuses it.",
    evidence="Seen run with router v0.9.0 and v0.10.0, which log it.",
    fix="write what replaces it",
    example=picker_config(
        edited(WORKS, ("llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1")), WORKS
    ),
)
def deprecated(document: PickerDocument) -> Iterator[Violation]:
    config, root = document.release.picker.config, document.root
    if root["apiVersion"].value in config.api_versions[1:]:
        yield Violation(
            root["apiVersion"],
            f"apiVersion {root['apiVersion'].value} is deprecated",
            fix=f"write {config.api_versions[0]}",
        )
    for name, instead in config.deprecated_fields.items():
        if root[name].present:
            yield Violation(root[name], f"{name} is deprecated", fix=f"use {instead}")
    for plugin in document.listed:
        if plugin.known is not None and (deprecation := plugin.known.deprecation) is not None:
            removal = f", removed in {deprecation.removal}" if deprecation.removal else ""
            yield Violation(
                plugin.at["type"],
                f"plugin {plugin.type!r} is deprecated since {deprecation.since}{removal}",
                fix=f"use {deprecation.replacement}",
            )


@rule(
    "P503",
    "warning",
    "A plugin is listed, and no profile runs it",
    why="It has no effect: a scorer scores no pod, and the picker chooses at random among pods "
    "with equal scores.",
    evidence=SEEN_RUN,
    fix="name the plugin in a profile, or remove it",
    example=picker_config(
        edited(WORKS, (PRODUCER, f"  - type: kv-cache-utilization-scorer\n{PRODUCER}")), WORKS
    ),
)
def unused_plugin(document: PickerDocument) -> Iterator[Violation]:
    run = {reference.text for profile in document.profiles for reference in profile.references}
    run |= {name for plugin in document.listed for name in _referred(plugin.at["parameters"])}
    if document.profiles_without_picker():
        # Such a profile uses one that is listed.
        run |= {plugin.name for plugin in document.pickers()}
    for plugin in document.listed:
        alone = plugin.known is not None and set(plugin.known.roles) <= PROFILE_ROLES
        if alone and plugin.name not in run:
            yield Violation(plugin.at, f"plugin {plugin.name!r} is listed, and no profile runs it")


def _referred(at: Cursor) -> Iterator[str]:
    """The plugins that another one's parameters name, as a tree of filters does."""
    for key, field in at.fields():
        if key == "pluginRef" and field.text:
            yield field.text
        else:
            yield from _referred(field)


@rule(
    "P505",
    "warning",
    "A limit in blocks has no effect",
    why="The picker compares prompts up to maxPrefixTokensToMatch, 131072 by default from v0.9.0 "
    "on, whatever the limit in blocks is.",
    evidence="Read in the source of llm-d-router v0.9.0.",
    fix="write maxPrefixTokensToMatch instead",
    example=picker_config(
        edited(WORKS, ("Tokens: 64", "Tokens: 64\n      maxPrefixBlocksToMatch: 256")),
        edited(WORKS, ("Tokens: 64", "Tokens: 64\n      maxPrefixTokensToMatch: 16384")),
    ),
)
def limit_in_blocks(document: PickerDocument) -> Iterator[Violation]:
    for producer in document.of_type("approx-prefix-cache-producer"):
        blocks = producer.written("maxPrefixBlocksToMatch")
        tokens = producer.value("maxPrefixTokensToMatch")
        if blocks is not None and tokens:
            yield Violation(
                blocks,
                "maxPrefixBlocksToMatch is used only while maxPrefixTokensToMatch is 0, and that "
                f"is {tokens}",
                fix="write maxPrefixTokensToMatch",
            )


@rule(
    "P506",
    "warning",
    "The picker returns several pods, which not every gateway supports",
    why="A gateway that connects to the answer as one address, as Envoy AI Gateway does, reaches "
    "no pod as soon as two of them are ready.",
    evidence="The picker joins the addresses by commas in one header; read in the source of "
    "llm-d-router v0.10.0, not seen run.",
    fix="leave maxNumOfEndpoints at 1",
    example=picker_config(
        edited(
            WORKS,
            (
                PRODUCER,
                "  - type: max-score-picker\n    parameters:\n      maxNumOfEndpoints: 2\n"
                + PRODUCER,
            ),
        ),
        edited(WORKS, (PRODUCER, f"  - type: max-score-picker\n{PRODUCER}")),
    ),
)
def several_endpoints(document: PickerDocument) -> Iterator[Violation]:
    for plugin in document.pickers():
        at = plugin.written("maxNumOfEndpoints")
        if at is not None and isinstance(at.value, int) and at.value > 1:
            yield Violation(
                at,
                f"the picker returns {at.value} pods, and a gateway that connects to the answer "
                "as one address cannot use them (Envoy AI Gateway)",
                fix="write 1",
            )


@rule(
    "P507",
    "warning",
    "The picker reads no metrics of the engines",
    why="Queues and caches count as empty, or as full: load no longer decides which pod is picked.",
    evidence="Read in the source of llm-d-router v0.8.0, where any dataLayer leaves the metrics "
    "out, and of later releases, where injectDefaults: false does.",
    fix="add metrics-data-source with core-metrics-extractor, or remove injectDefaults",
    example=picker_config(
        edited(WORKS, ("plugins:", "dataLayer:\n  injectDefaults: false\nplugins:")), WORKS
    ),
)
def no_metrics(document: PickerDocument) -> Iterator[Violation]:
    layer = document.root["dataLayer"]
    named = [source["pluginRef"].text or "" for source in layer["sources"].items()]
    types = {known.type for name in named if (known := document.type_of(name)) is not None}
    additive = document.release.picker.config.additive_data_layer
    added = additive and layer["injectDefaults"].value is not False
    if layer.present and not added and "metrics-data-source" not in types:
        yield Violation(
            layer,
            "the picker reads no engine metrics: queues and caches count as empty, or as full",
            fix="add metrics-data-source with core-metrics-extractor",
        )


@rule(
    "P508",
    "warning",
    "A plugin is not notified of pods",
    why="It subscribes to no engine's events, and scores every pod 0: prefixes no longer decide "
    "which pod is picked.",
    evidence="llm-d/llm-d-router#1121.",
    fix="add endpoint-notification-source to dataLayer.sources, with the plugin as extractor",
    example=picker_config(PRECISE, PRECISE_WITH_SOURCE),
)
def not_notified(document: PickerDocument) -> Iterator[Violation]:
    readers = {
        extractor["pluginRef"].text
        for source in document.root.at("dataLayer", "sources").items()
        for extractor in source["extractors"].items()
    }
    for plugin in document.listed:
        notified = (
            plugin.name in readers or plugin.written("kvEventsConfig.zmqEndpoint") is not None
        )
        if plugin.type in _EVENT_READERS and not notified:
            yield Violation(
                plugin.at,
                f"plugin {plugin.name!r} is notified of no pod, so that it scores every pod 0",
                fix="add endpoint-notification-source to dataLayer.sources, with it as extractor",
            )


@rule(
    "P510",
    "warning",
    "The decider counts cached tokens wrongly",
    why="The decider uses what precise-prefix-cache-scorer records of a pod, one token at most: "
    "prompts that the decode pod has cached are sent to a prefill pod.",
    evidence="llm-d-router#1047; read in the source of llm-d-router v0.8.0, fixed in v0.9.0.",
    fix="use router v0.9.0 or newer, or approx-prefix-cache-producer alone",
    example=picker_config(
        edited(
            WORKS_IN_V0_8_0,
            (
                "  - type: queue-scorer\n",
                "  - type: queue-scorer\n  - type: precise-prefix-cache-scorer\n",
            ),
            (
                "        weight: 2\n",
                "        weight: 2\n      - pluginRef: precise-prefix-cache-scorer\n",
            ),
        ),
        WORKS_IN_V0_8_0,
        release="v0.8.0",
    ),
)
def miscounted_cache(document: PickerDocument) -> Iterator[Violation]:
    # From v0.9.0 on each producer has a record of its own.
    if document.release.picker.config.default_producers:
        return
    run = {
        plugin.type for profile in document.profiles for plugin in profile.runs(document.plugins)
    }
    for decider in document.of_type("prefix-based-pd-decider"):
        if "precise-prefix-cache-scorer" in run:
            yield Violation(
                decider.at,
                f"{decider.name!r} uses what precise-prefix-cache-scorer records of a pod, one "
                "token at most, as the cached part of the prompt",
            )


@rule(
    "P511",
    "warning",
    "A producer has a name under which the picker does not look for it",
    why="The picker creates another producer with default parameters, and reads that one: the "
    "parameters of this one have no effect.",
    evidence="From v0.9.0 on data is read by its producer's name; read in the source of "
    "llm-d-router v0.9.0 and v0.10.0.",
    fix="remove the producer's name",
    example=picker_config(
        edited(WORKS, ("  - type: approx", "  - name: prefix\n    type: approx")), WORKS
    ),
)
def unread_producer(document: PickerDocument) -> Iterator[Violation]:
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
            yield Violation(
                plugin.at,
                f"producer {plugin.name!r} does not have its type as name, so that the picker "
                f"creates another {plugin.type} with defaults",
            )
