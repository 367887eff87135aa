"""Handlers, profiles and the producers that they need, put together for one release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cdk8s_inference.picker_config.plugin import Plugin, listed
from cdk8s_inference.picker_config.prefix import PrefixKnowledge, data_layer
from cdk8s_inference.picker_config.profile import Profile
from cdk8s_inference.releases import RouterRelease
from cdk8s_inference.releases.plugin_type import RequestData


def composed(
    release: RouterRelease,
    *,
    handlers: Sequence[Plugin],
    profiles: Mapping[str, tuple[Plugin | None, Profile]],
    prefix: PrefixKnowledge,
    further: Sequence[Plugin],
) -> dict[str, Any]:
    """A configuration as plain data.

    Args:
        release: Whose words it is written in.
        handlers: The profile handler, with its deciders as parameters, and what goes with it.
        profiles: Each profile by name, with the filter of its pods' role.
        prefix: How the picker knows what each pod has cached.
        further: Plugins that no profile runs.

    Raises:
        NotInReleaseError: The release lacks what it needs.
    """
    run = [
        plugin
        for role_filter, profile in profiles.values()
        for plugin in profile.plugins(role_filter)
    ]
    sources = prefix.data_sources() if prefix.scorer() in run else []
    plugins = listed(
        [
            *(source for source, _ in sources),
            *_producers(release, [*handlers, *run, *further], prefix),
            *run,
            *further,
            *handlers,
        ]
    )
    document: dict[str, Any] = {
        "apiVersion": release.picker.config.api_versions[0],
        "kind": "EndpointPickerConfig",
        "plugins": plugins,
        "schedulingProfiles": [
            profile.rendered(name, role_filter) for name, (role_filter, profile) in profiles.items()
        ],
    }
    if sources:
        document["dataLayer"] = data_layer(sources)
    return document


def _producers(
    release: RouterRelease, plugins: Sequence[Plugin], prefix: PrefixKnowledge
) -> list[Plugin]:
    """The producers of what the plugins read, unless they are listed or made by the release."""
    needed: set[RequestData] = set()
    for plugin in plugins:
        for each in plugin.with_referred():
            known = release.plugins().get(each.type)
            if known is not None:
                needed.update(known.consumes, known.decision.reads if known.decision else ())
    producers = prefix.producers(release) if "prefix cache match" in needed else []
    made = {"prefix cache match", *release.picker.config.default_producers}
    for data in sorted(needed - made):
        makers = [maker for maker in release.plugins_for("producer") if data in maker.produces]
        producers += [Plugin(maker.type) for maker in makers[:1]]
    given = {plugin.type for plugin in plugins}
    return [producer for producer in producers if producer.type not in given]
