"""The endpoint picker's configuration: which plugins run, in which profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from cdk8s_inference.releases import RouterRelease

NON_CACHED_TOKENS = 16
"""A prompt with at least this many tokens outside the decode pod's prefix cache is prefilled
elsewhere. Zero, the plugin's default, switches disaggregation off without a word."""


@dataclass(frozen=True)
class Plugin:
    """A plugin of the picker: its type, which is also its name, and its parameters."""

    type: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """A scheduling profile: plugins in order, scorers with their weights."""

    name: str
    plugins: Sequence[Plugin]
    scorers: Sequence[tuple[Plugin, int]] = ()


@dataclass(frozen=True)
class PickerConfig:
    """An EndpointPickerConfig. Profiles hold the plugins themselves, so none can dangle.

    Attributes:
        profiles: What the profile handler runs.
        handlers: Plugins that no profile names: producers, deciders, the profile handler.
    """

    profiles: Sequence[Profile]
    handlers: Sequence[Plugin]

    def render(self, release: RouterRelease) -> str:
        """The configuration as YAML for a release."""
        plugins: dict[str, Plugin] = {plugin.type: plugin for plugin in self.handlers}
        for profile in self.profiles:
            for plugin in (*profile.plugins, *(scorer for scorer, _ in profile.scorers)):
                plugins.setdefault(plugin.type, plugin)
        document = {
            "apiVersion": release.picker.config.api_versions[0],
            "kind": "EndpointPickerConfig",
            "plugins": [_declaration(plugin) for plugin in plugins.values()],
            "schedulingProfiles": [_profile(profile) for profile in self.profiles],
        }
        return yaml.safe_dump(document, sort_keys=False)


def disaggregated(release: RouterRelease) -> PickerConfig:
    """Prefill and decode apart for prompts whose prefix decode has not cached.

    Both profiles prefer a pod that has the prefix, then one with a short queue.
    """
    prefix, queue, best = Plugin("prefix-cache-scorer"), Plugin("queue-scorer"), _best_pod()
    decider = Plugin("prefix-based-pd-decider", {"nonCachedTokens": NON_CACHED_TOKENS})
    # The deciders entry is what switches prefill on: without it the stage is skipped.
    handler = Plugin("disagg-profile-handler", {"deciders": {"prefill": decider.type}})
    scorers = ((prefix, 2), (queue, 1))
    return PickerConfig(
        profiles=(
            Profile("prefill", (Plugin("prefill-filter"), best), scorers),
            # Without its filter the decode profile would hand users to prefill pods.
            Profile("decode", (Plugin("decode-filter"), best), scorers),
        ),
        handlers=(_prefix_producer(release), decider, handler),
    )


def unified(release: RouterRelease) -> PickerConfig:
    """One pod for the whole request: one that has the prefix, then one with a short queue."""
    scorers = ((Plugin("prefix-cache-scorer"), 2), (Plugin("queue-scorer"), 1))
    return PickerConfig(
        profiles=(Profile("default", (_best_pod(),), scorers),),
        handlers=(_prefix_producer(release), Plugin("single-profile-handler")),
    )


def _best_pod() -> Plugin:
    return Plugin("max-score-picker")


def _prefix_producer(release: RouterRelease) -> Plugin:
    parameters = {"autoTune": False, "blockSizeTokens": release.picker.smallest_block_tokens}
    return Plugin("approx-prefix-cache-producer", parameters)


def _declaration(plugin: Plugin) -> dict[str, Any]:
    if plugin.parameters:
        return {"type": plugin.type, "parameters": dict(plugin.parameters)}
    return {"type": plugin.type}


def _profile(profile: Profile) -> dict[str, Any]:
    references: list[dict[str, Any]] = [{"pluginRef": plugin.type} for plugin in profile.plugins]
    for scorer, weight in profile.scorers:
        references.append({"pluginRef": scorer.type, "weight": weight})
    return {"name": profile.name, "plugins": references}
