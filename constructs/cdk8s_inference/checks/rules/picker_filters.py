"""Filters and thresholds of a picker's configuration, against the pods that it picks from."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import Replaced, breaks
from cdk8s_inference.source import Cursor, has_placeholder
from cdk8s_inference.topology import Pool, SourceValue, Topology
from cdk8s_inference.topology.selector import label_selector

_OBJECT, _CONFIG = "ConfigMap/qwen-epp", "data[picker.yaml]"


def _configured(topology: Topology) -> Iterator[tuple[Pool, SourceValue[str], Cursor]]:
    for pool in topology.pools:
        picker = pool.picker
        config = picker.config if picker else None
        if picker is not None and config is not None and not has_placeholder(config.value):
            yield pool, config, picker.configuration


@rule(
    "T443",
    "error",
    "A label filter of the picker matches no pod",
    why="The profile has no endpoint left: every request is refused, or never disaggregated.",
    evidence="Read in the sources of llm-d's router: label-selector-filter and by-label-selector "
    "take a LabelSelector over the labels of pods.",
    fix="use labels that the pods have",
    example=breaks(
        "disaggregated",
        _OBJECT,
        _CONFIG,
        Replaced(
            (
                "  - type: max-score-picker\n",
                "  - type: label-selector-filter\n"
                "    parameters: {matchLabels: {zone: a}}\n"
                "  - type: max-score-picker\n",
            ),
            (
                "      - pluginRef: decode-filter\n",
                "      - pluginRef: decode-filter\n      - pluginRef: label-selector-filter\n",
            ),
        ),
    ),
)
def matches_nothing(topology: Topology) -> Iterator[Violation]:
    for pool, config, read in _configured(topology):
        if not pool.members or pool.others_may_be_members:
            continue
        if any(pods.may_gain("labels") for pods in pool.members):
            continue
        used = {
            each["pluginRef"].text
            for profile in read["schedulingProfiles"].items()
            for each in profile["plugins"].items()
        }
        for plugin in read["plugins"].items():
            if plugin["type"].text not in ("label-selector-filter", "by-label-selector"):
                continue
            if (plugin["name"].text or plugin["type"].text) not in used:
                continue
            selector = label_selector(config.object, plugin["parameters"]).value
            if selector and not any(pods.selected_by(selector) for pods in pool.members):
                yield Violation(
                    config,
                    f"{plugin['name'].text or plugin['type'].text} asks for {selector}, and no pod "
                    f"of {pool} has that",
                    pool.selector,
                )


_LONGEST = 2_000_000
"""Tokens that no served model's context has."""


@rule(
    "T444",
    "warning",
    "No prompt is as long as the decider's threshold",
    why="Every prompt is prefilled in a decode pod, with status 200: nothing is disaggregated.",
    evidence="prefix-based-pd-decider: nonCachedTokens are the tokens from which on it asks for "
    "prefill elsewhere. A prompt is shorter than --max-model-len.",
    fix="set nonCachedTokens below the length of the prompts, such as 512",
    example=breaks(
        "disaggregated",
        _OBJECT,
        _CONFIG,
        Replaced(("nonCachedTokens: 512", "nonCachedTokens: 51200000")),
    ),
)
def threshold(topology: Topology) -> Iterator[Violation]:
    for pool, config, read in _configured(topology):
        limits = [
            int(given.value)
            for pods in pool.running
            if pods.engine is not None
            and (given := pods.engine.flag("--max-model-len", "--context-length")) is not None
            and given.value.isdigit()
        ]
        longest = min([_LONGEST, *limits])
        for plugin in read["plugins"].items():
            tokens = plugin.at("parameters", "nonCachedTokens").value
            if isinstance(tokens, int) and tokens >= longest:
                yield Violation(
                    config, f"nonCachedTokens is {tokens}, and no prompt has {longest} tokens"
                )
