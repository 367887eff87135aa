"""Profiles, and the handler that runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import edited, picker_config
from cdk8s_inference.picker_config.document import PickerDocument
from cdk8s_inference.picker_config.example_configs import HANDLER, TWO_PICKERS, WORKS
from cdk8s_inference.picker_config.rule import EXITS, rule

_SINGLE = "single-profile-handler"


@rule(
    "P113",
    "error",
    "The configuration has not exactly one profile handler that fits its profiles",
    why=EXITS,
    evidence=SEEN_RUN,
    fix="list disagg-profile-handler with a decider, or keep one profile",
    example=picker_config(edited(WORKS, (HANDLER, "")), WORKS),
)
def profile_handler(document: PickerDocument) -> Iterator[Violation]:
    handlers, count = document.handlers, len(document.profiles)
    if len(handlers) > 1:
        names = ", ".join(handler.name for handler in handlers)
        yield Violation(
            handlers[1].at, f"several profile handlers: {names}", fix="keep one of them"
        )
    elif not handlers and count > 1:
        yield Violation(
            document.root["plugins"],
            f"{count} profiles and no profile handler",
            fix="list disagg-profile-handler with a decider",
        )
    elif handlers and handlers[0].type == _SINGLE and count > 1:
        yield Violation(
            handlers[0].at,
            f"{_SINGLE} runs one profile, found {count}",
            fix="use disagg-profile-handler, or keep one profile",
        )


@rule(
    "P114",
    "error",
    "A profile has no name, or another profile's",
    why=EXITS,
    evidence="Read in the source of llm-d-router v0.10.0.",
    fix="give each profile its own name",
    example=picker_config(edited(WORKS, ("- name: prefill", "- name: decode")), WORKS),
)
def profile_name(document: PickerDocument) -> Iterator[Violation]:
    counts = Counter(profile.name for profile in document.profiles)
    for profile in document.profiles:
        if not profile.name:
            yield Violation(profile.at, "a profile has no name", fix="add its name")
        elif counts[profile.name] > 1:
            yield Violation(
                profile.at, f"two profiles are named {profile.name!r}", fix="rename one of them"
            )


@rule(
    "P115",
    "error",
    "A profile has several pickers",
    why=EXITS,
    evidence="Read in the source of llm-d-router v0.10.0.",
    fix="keep one of them",
    example=picker_config(
        edited(
            TWO_PICKERS,
            (
                "      - pluginRef: weighted-random-picker\n",
                "      - pluginRef: weighted-random-picker\n      - pluginRef: max-score-picker\n",
            ),
        ),
        TWO_PICKERS,
    ),
)
def several_pickers(document: PickerDocument) -> Iterator[Violation]:
    for profile in document.profiles:
        pickers = [plugin for plugin in profile.runs(document.plugins) if plugin.has_role("picker")]
        if len(pickers) > 1:
            names = ", ".join(plugin.name for plugin in pickers)
            yield Violation(profile.at, f"profile {profile.name!r} has several pickers: {names}")


@rule(
    "P509",
    "warning",
    "A profile uses any of several pickers",
    why="Which picker it uses changes with each start.",
    evidence="A profile without a picker uses the first of an unordered map; read in the source of "
    "llm-d-router v0.10.0.",
    fix="name the picker in the profile",
    example=picker_config(
        edited(TWO_PICKERS, ("      - pluginRef: max-score-picker\n", "")), TWO_PICKERS
    ),
)
def unnamed_picker(document: PickerDocument) -> Iterator[Violation]:
    listed = [plugin.name for plugin in document.pickers()]
    if len(listed) > 1:
        for profile in document.profiles_without_picker():
            yield Violation(
                profile.at,
                f"profile {profile.name!r} names no picker, and uses any of {', '.join(listed)}",
            )
