"""Whether the picker can decode the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN, SEEN_RUN
from cdk8s_inference.findings.example import edited, picker_config
from cdk8s_inference.picker_config.document import PickerDocument
from cdk8s_inference.picker_config.example_configs import WORKS
from cdk8s_inference.picker_config.fields import (
    misshapen_fields,
    misshapen_parameters,
    unknown_fields,
    unknown_parameter_fields,
)
from cdk8s_inference.picker_config.rule import EXITS, PICKER_CONFIG_RULES, rule
from cdk8s_inference.picker_config.stages import (
    first_written,
    has_known_order,
    prefill_first,
)

_KIND = "EndpointPickerConfig"

UNREADABLE = PICKER_CONFIG_RULES.declare(
    "P101",
    "error",
    "The configuration is not one YAML mapping",
    why=EXITS,
    evidence="The picker decodes one YAML object; read in the source of llm-d-router v0.10.0.",
    fix="write one EndpointPickerConfig as YAML",
    example=picker_config(edited(WORKS, ("plugins:", "plugins")), WORKS),
)


@rule(
    "P102",
    "error",
    "The picker's release does not read this apiVersion or kind",
    why=f"{EXITS} Router v0.8.0 does not know the group llm-d.ai, and no release up to v0.10.0 "
    "knows its v1.",
    evidence=SEEN_RUN,
    fix="write the apiVersion of the picker's own release, and kind EndpointPickerConfig",
    example=picker_config(
        edited(WORKS, ("llm-d.ai/v1alpha1", "llm-d.ai/v1")), WORKS, release="v0.10.0"
    ),
)
def unread_version(document: PickerDocument) -> Iterator[Violation]:
    root, release = document.root, document.release
    accepted = release.picker.config.api_versions
    if root["apiVersion"].value not in accepted:
        yield Violation(
            root["apiVersion"],
            f"apiVersion is {root['apiVersion'].value!r}, but {release.title} reads "
            + " and ".join(accepted),
            fix=f"write apiVersion: {accepted[0]}",
        )
    if root["kind"].value != _KIND:
        yield Violation(root["kind"], f"kind is {root['kind'].value!r}", fix=f"write kind: {_KIND}")


@rule(
    "P103",
    "error",
    "The configuration has an unknown field",
    why=f"{EXITS} Its decoder is strict at every depth.",
    evidence="Seen run with router v0.8.0, given a field of v0.9.0.",
    fix="remove the field, or correct its name",
    example=picker_config(edited(WORKS, ("weight: 2", "wieght: 2")), WORKS),
)
def unknown_field(document: PickerDocument) -> Iterator[Violation]:
    yield from unknown_fields(document)
    yield from unknown_parameter_fields(document)


@rule(
    "P104",
    "error",
    "A value has the wrong type, or is out of range",
    why=EXITS,
    evidence="The picker decodes each value into a Go type, and validates some afterwards; read in "
    "the source of llm-d-router v0.10.0.",
    fix="write a value that the field takes: numbers without quotes",
    example=picker_config(edited(WORKS, ("nonCachedTokens: 16", 'nonCachedTokens: "16"')), WORKS),
)
def wrong_value(document: PickerDocument) -> Iterator[Violation]:
    yield from misshapen_fields(document)
    yield from misshapen_parameters(document)
    for handler, stages in document.stage_handlers():
        at = handler.written(stages.order) if stages.order is not None else None
        if at is not None and not has_known_order(handler, stages):
            yield Violation(
                at,
                f"{at.value!r} is not an order of stages",
                fix="write decode-first or prefill-first",
            )


@rule(
    "P105",
    "error",
    "The release has no such feature gate",
    why=f"{EXITS} Gates come and go with releases: v0.10.0 refuses dataLayer, which v0.9.0 takes.",
    evidence=f"{SEEN}, given prepareDataPlugins.",
    fix="remove the gate, or correct its name",
    example=picker_config(
        edited(WORKS, ("plugins:", "featureGates: [dataLayer]\nplugins:")),
        WORKS,
        release="v0.10.0",
    ),
)
def unknown_gate(document: PickerDocument) -> Iterator[Violation]:
    release, config = document.release, document.release.picker.config
    for gate in document.root["featureGates"].items():
        name, equals, value = (gate.text or "").partition("=")
        if not config.gate_values:
            name, equals = gate.text or "", ""
        if name not in config.gates:
            yield Violation(
                gate,
                f"{release.title} has no feature gate {name!r}",
                fix=f"remove it; it has {', '.join(config.gates) or 'none'}",
            )
        elif equals and value.strip().lower() not in {"true", "false", "t", "f", "1", "0"}:
            yield Violation(gate, f"{value!r} is not a boolean", fix="write true or false")


@rule(
    "P110",
    "error",
    "Two parameters exclude each other",
    why=EXITS,
    evidence="Seen run with router v0.10.0.",
    fix="keep one of them: prefill-first sends every prompt to a prefill pod, without a decider",
    example=picker_config(
        edited(WORKS, ("      deciders:", "      stageOrder: prefill-first\n      deciders:")),
        WORKS,
        release="v0.10.0",
    ),
)
def exclusive_parameters(document: PickerDocument) -> Iterator[Violation]:
    for plugin in document.listed:
        if plugin.known is None:
            continue
        groups = [
            sorted(name for name in group if plugin.written(name) is not None)
            for group in plugin.known.exclusive
        ]
        used = [names for names in groups if names]
        if len(used) > 1:
            yield Violation(
                plugin.at["parameters"],
                f"{' and '.join(', '.join(names) for names in used)} exclude each other",
                fix=f"keep {', '.join(used[0])}",
            )
    for handler, stages in document.stage_handlers():
        order = handler.written(stages.order) if stages.order is not None else None
        decider = first_written(handler, stages.prefill_decider)
        if order is not None and decider and prefill_first(handler, stages):
            yield Violation(
                order,
                f"stageOrder is {order.value!r}, which allows no prefill decider, and "
                f"{decider.value!r} is named",
                decider,
                fix="remove the decider, or the order",
            )
