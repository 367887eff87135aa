"""Whether any request is sent to a prefill pod."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN, SEEN_RUN
from cdk8s_inference.findings.example import edited, picker_config
from cdk8s_inference.picker_config.document import Listed, PickerDocument
from cdk8s_inference.picker_config.example_configs import (
    DECIDER,
    HANDLER,
    PREFILL_PROFILE,
    PRODUCER,
    WORKS,
    WORKS_IN_V0_8_0,
)
from cdk8s_inference.picker_config.rule import SILENT, rule
from cdk8s_inference.picker_config.serving import (
    DECODE,
    PREFILL,
    prefill_handler,
    prefill_name,
    prefills,
    separates,
)
from cdk8s_inference.picker_config.stages import decider_of, first_written, prefill_first
from cdk8s_inference.releases.plugin_type import Decision

_OTHER_NAMES = edited(
    WORKS_IN_V0_8_0,
    (
        "  - type: disagg-headers-handler\n",
        "  - type: disagg-headers-handler\n    parameters:\n      prefillProfile: pf\n",
    ),
    ("      deciders:\n", "      profiles:\n        prefill: pf\n      deciders:\n"),
    ("  - name: prefill\n", "  - name: pf\n"),
)


@rule(
    "P301",
    None,
    "The profile handler does not disaggregate",
    why=SILENT,
    evidence=SEEN_RUN,
    fix="use disagg-profile-handler with profiles prefill and decode, and a decider",
    example=picker_config(
        edited(
            WORKS,
            ("  - type: prefill-filter\n", ""),
            (PRODUCER, ""),
            (DECIDER, ""),
            (HANDLER, "  - type: single-profile-handler\n"),
            (PREFILL_PROFILE, ""),
        ),
        WORKS,
    ),
)
def no_stages(document: PickerDocument) -> Iterator[Violation]:
    if separates(document) and prefill_handler(document) is None:
        handler = document.handlers[0] if document.handlers else None
        name = "single-profile-handler" if handler is None else handler.name
        yield Violation(
            document.root["plugins"] if handler is None else handler.at,
            f"{name!r} sends no prompt to a prefill pod",
            severity="warning",
        )


@rule(
    "P302",
    None,
    "There is no profile for prefill",
    why=SILENT,
    evidence=SEEN_RUN,
    fix="name a profile prefill, or name yours in the handler's profiles.prefill",
    example=picker_config(edited(WORKS, ("- name: prefill", "- name: prefilling")), WORKS),
)
def no_prefill_profile(document: PickerDocument) -> Iterator[Violation]:
    found = prefill_handler(document)
    if found is None or not separates(document):
        return
    handler, name = found[0], prefill_name(document)
    if document.profile(name) is None:
        yield Violation(
            handler.at,
            f"{handler.name!r} runs profile {name!r} for prefill, which does not exist",
            fix=f"name a profile {name!r}",
            severity="warning",
        )


@rule(
    "P303",
    None,
    "There is no decider for prefill",
    why=f"{SILENT} The picker logs once that disaggregation is disabled.",
    evidence=SEEN_RUN,
    fix="name a decider in the handler's deciders.prefill",
    example=picker_config(edited(WORKS, (HANDLER, "  - type: disagg-profile-handler\n")), WORKS),
)
def no_decider(document: PickerDocument) -> Iterator[Violation]:
    found = prefill_handler(document)
    if found is None or not separates(document) or prefill_first(*found):
        return
    handler, stages = found
    if decider_of(document, handler, stages) is None:
        yield Violation(
            handler.at,
            f"{handler.name!r} has no prefill decider, which disables the prefill stage",
            fix=f"set {stages.prefill_decider[0]} to the name of a decider",
            severity="warning",
        )


def _decides(document: PickerDocument) -> tuple[Listed, Decision] | None:
    """The decider for prefill, and how it decides."""
    found = prefill_handler(document)
    if found is None or not separates(document) or prefill_first(*found):
        return None
    decider = decider_of(document, *found)
    decision = decider.known.decision if decider is not None and decider.known is not None else None
    return None if decider is None or decision is None else (decider, decision)


@rule(
    "P304",
    None,
    "The decider's threshold is 0, which declines every prompt",
    why=f"{SILENT} 0 is the default of nonCachedTokens.",
    evidence=SEEN_RUN,
    fix="set nonCachedTokens to 1 or more, such as 16",
    example=picker_config(edited(WORKS, (DECIDER, "  - type: prefix-based-pd-decider\n")), WORKS),
)
def zero_threshold(document: PickerDocument) -> Iterator[Violation]:
    found = _decides(document)
    for name in found[1].never_at_zero if found is not None else ():
        assert found is not None
        decider = found[0]
        if not decider.value(name):
            yield Violation(
                decider.written(name) or decider.at,
                f"{name} of {decider.name!r} is 0, which declines every prompt",
                fix=f"set {name} to 1 or more, such as 16",
                severity="warning",
            )


@rule(
    "P305",
    None,
    "No plugin writes the header that names the prefill pod",
    why=f"{SILENT} The handler of v0.8.0, and pd-profile-handler in every release, leave the "
    "header to another plugin.",
    evidence="Seen run with router v0.8.0; with v0.9.0 and v0.10.0 and pd-profile-handler.",
    fix="list disagg-headers-handler, or from v0.9.0 on use disagg-profile-handler",
    example=picker_config(
        edited(WORKS_IN_V0_8_0, ("  - type: disagg-headers-handler\n", "")),
        WORKS_IN_V0_8_0,
        release="v0.8.0",
    ),
)
def no_header(document: PickerDocument) -> Iterator[Violation]:
    found = prefill_handler(document)
    if found is None or not separates(document):
        return
    handler, release = found[0], document.release
    if not any(plugin.has_role("header writer") for plugin in document.listed):
        writers = " or ".join(
            plugin.type
            for plugin in release.plugins_for("header writer")
            if plugin.deprecation is None
        )
        yield Violation(
            handler.at,
            f"{handler.type!r} of {release.title} writes no header for the sidecar, and no other "
            "plugin does",
            fix=f"list {writers}",
            severity="warning",
        )


@rule(
    "P311",
    None,
    "The plugin that writes the prefill header looks for another profile",
    why=f"{SILENT} The plugin finds no pod under its profile's name, and deletes the header.",
    evidence="Read in the source of llm-d-router v0.8.0 and v0.9.0: disagg-headers-handler reads "
    "its own prefillProfile, prefill by default, not the names in the handler's profiles. From "
    "v0.9.0 on disagg-profile-handler writes the header itself, and the order of the two differs "
    "from start to start.",
    fix="set prefillProfile of disagg-headers-handler to the handler's profiles.prefill, or from "
    "v0.9.0 on remove the plugin",
    example=picker_config(
        edited(
            _OTHER_NAMES,
            ("    parameters:\n      prefillProfile: pf\n", ""),
        ),
        _OTHER_NAMES,
        release="v0.8.0",
    ),
)
def header_of_another_profile(document: PickerDocument) -> Iterator[Violation]:
    found, name = prefill_handler(document), prefill_name(document)
    if found is None or not separates(document) or document.profile(name) is None:
        return
    handler = found[0]
    for writer in document.listed:
        if not writer.has_role("header writer") or writer.has_role("profile handler"):
            continue
        read = writer.value("prefillProfile")
        if read != name:
            message = (
                f"{writer.name!r} looks for profile {read!r}, but {handler.name!r} runs "
                f"{name!r} for prefill"
            )
            redundant = handler.has_role("header writer")
            if redundant:
                message += f"; at some starts it deletes the header that {handler.name!r} writes"
            yield Violation(
                writer.written("prefillProfile") or writer.at,
                message,
                first_written(handler, found[1].prefill) or handler.at,
                fix=f"remove {writer.name!r}" if redundant else f"set prefillProfile to {name}",
                severity="warning",
            )


@rule(
    "P306",
    None,
    "No plugin produces what the decider reads",
    why=f"{SILENT} The picker logs that it cannot read the state of the prefix cache.",
    evidence="Seen run with router v0.8.0; later releases create the producer.",
    fix="list approx-prefix-cache-producer",
    example=picker_config(
        edited(WORKS_IN_V0_8_0, (PRODUCER, "")), WORKS_IN_V0_8_0, release="v0.8.0"
    ),
)
def decider_without_data(document: PickerDocument) -> Iterator[Violation]:
    found = _decides(document)
    if found is None:
        return
    decider, decision = found
    missing = sorted(set(decision.reads) - document.produced())
    if missing:
        makers = [
            plugin.type
            for plugin in document.release.plugins_for("producer")
            if plugin.deprecation is None and set(missing) & set(plugin.produces)
        ]
        yield Violation(
            decider.at,
            f"{decider.name!r} reads the {' and the '.join(missing)}, which no plugin produces",
            fix=f"list {' or '.join(makers)}",
            severity="warning",
        )


@rule(
    "P307",
    None,
    "The request parser does not read the prompt, so that its tokens are not counted",
    why=SILENT,
    evidence="Seen run with router v0.9.0 and v0.10.0.",
    fix="use openai-parser, or always-disagg-pd-decider",
    example=picker_config(
        WORKS + "requestHandler:\n  parsers:\n    - pluginRef: passthrough-parser\n",
        WORKS + "requestHandler:\n  parsers:\n    - pluginRef: openai-parser\n",
    ),
)
def prompt_not_read(document: PickerDocument) -> Iterator[Violation]:
    found = _decides(document)
    types = [document.type_of(parser.text or "") for parser in document.parsers]
    opaque = types and all(known and known.opaque for known in types)
    if found is not None and found[1].thresholds and opaque:
        yield Violation(
            document.parsers[0],
            f"{document.parsers[0].value!r} does not read the prompt, so {found[0].name!r} counts "
            "no tokens",
            severity="warning",
        )


@rule(
    "P308",
    None,
    "No prefill pod passes the filters of the profile for prefill",
    why=SILENT,
    evidence=f"{SEEN}, with no ready prefill pod.",
    fix="keep prefill-filter alone in the profile",
    example=picker_config(
        edited(
            WORKS,
            (
                "      - pluginRef: prefill-filter\n",
                "      - pluginRef: prefill-filter\n      - pluginRef: decode-filter\n",
            ),
        ),
        WORKS,
    ),
)
def no_prefill_endpoint(document: PickerDocument) -> Iterator[Violation]:
    found = prefills(document)
    if found is not None and PREFILL not in found[1]:
        profile = found[0]
        yield Violation(
            profile.at,
            f"no prefill pod passes the filters of profile {profile.name!r}",
            severity="warning",
        )


@rule(
    "P309",
    None,
    "The decider accepts requests with images, video or audio only",
    why="Prompts of text are served by decode pods alone, with status 200.",
    evidence="Read in the source of llm-d-router v0.10.0.",
    fix="name another decider for prefill, and this one in deciders.encode",
    example=picker_config(
        edited(
            WORKS,
            (DECIDER, "  - type: always-disagg-multimodal-decider\n"),
            ("prefill: prefix-based-pd-decider", "prefill: always-disagg-multimodal-decider"),
        ),
        WORKS,
    ),
)
def multimodal_only(document: PickerDocument) -> Iterator[Violation]:
    found = _decides(document)
    if found is not None and found[1].multimodal:
        yield Violation(
            found[0].at,
            f"{found[0].name!r} accepts requests with images, video or audio only",
            severity="warning",
        )


@rule(
    "P310",
    "note",
    "Decode pods prefill for each other",
    why="A prompt is prefilled on whichever pod scores best. On a decode pod it slows the "
    "answers that run there.",
    evidence="A profile without a filter admits every pod of the pool; read in the source of "
    "llm-d-router v0.10.0.",
    fix="add prefill-filter to the profile for prefill",
    example=picker_config(
        edited(
            WORKS,
            ("  - type: prefill-filter\n", ""),
            ("      - pluginRef: prefill-filter\n", ""),
        ),
        WORKS,
    ),
)
def decode_prefills(document: PickerDocument) -> Iterator[Violation]:
    found = prefills(document)
    if found is not None and {PREFILL, DECODE} <= found[1]:
        yield Violation(
            found[0].at,
            f"profile {found[0].name!r} admits decode pods, which then prefill for each other",
        )
