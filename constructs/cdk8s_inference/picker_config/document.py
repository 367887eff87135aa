"""A picker configuration as it was written: plugins, profiles and references of any shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.picker_config.stages import first_written
from cdk8s_inference.releases import PickerRelease
from cdk8s_inference.releases.plugin_type import (
    PROFILE_ROLES,
    PluginRole,
    PluginType,
    RequestData,
    Stages,
)
from cdk8s_inference.source import Cursor, Document


@dataclass(frozen=True)
class Listed:
    """A plugin that the configuration lists.

    Attributes:
        at: Where.
        name: Its name; its type where it is given none.
        type: Its type; None where that is missing.
        known: What the release knows of the type; None where it has no such type.
    """

    at: Cursor
    name: str
    type: str | None
    known: PluginType | None

    def has_role(self, role: PluginRole) -> bool:
        """Whether it can play a role."""
        return self.known is not None and role in self.known.roles

    def written(self, path: str) -> Cursor | None:
        """The parameter at a dotted path; None where it is not set.

        The picker's JSON decoder does not tell upper from lower case in a name.
        """
        cursor = self.at["parameters"]
        for step in path.split("."):
            same = (child for key, child in cursor.fields() if key.casefold() == step.casefold())
            found = next(same, None)
            if found is None or not found.present:
                return None
            cursor = found
        return cursor

    def value(self, path: str) -> Any:
        """The value of a parameter: as written, or its default; None where there is neither."""
        written = self.written(path)
        if written is not None:
            return written.value
        if self.known is None:
            return None
        first, *rest = path.split(".")
        parameter = self.known.parameter(first)
        for step in rest:
            fields = parameter.fields if parameter else ()
            parameter = next((field for field in fields if field.name == step), None)
        return None if parameter is None else parameter.default


@dataclass(frozen=True)
class ListedProfile:
    """A profile that the configuration lists, or that the picker makes where it lists none.

    Attributes:
        at: Where.
        name: Its name; None where that is missing.
        references: The plugins it names.
    """

    at: Cursor
    name: str | None
    references: Sequence[Cursor]

    def runs(self, plugins: Mapping[str, Listed]) -> list[Listed]:
        """The listed plugins that it runs: one without a role in a profile is passed over."""
        named = (plugins.get(reference.text or "") for reference in self.references)
        return [
            plugin
            for plugin in named
            if plugin is not None and any(plugin.has_role(role) for role in PROFILE_ROLES)
        ]


class PickerDocument:
    """A configuration, read with a release's eyes.

    Attributes:
        root: Its plain data.
        release: The release.
        experimental: Whether the picker runs with alpha plugins enabled.
        disaggregated: Whether its pool has prefill and decode pods.
        listed: The plugins it lists, in order, also those of one name.
        plugins: The first of each name.
        profiles: The profiles.
        handlers: The profile handlers that it lists.
        parsers: The plugins that it names as parsers of requests.
    """

    def __init__(
        self,
        source: Document,
        release: PickerRelease,
        *,
        experimental: bool = False,
        disaggregated: bool = True,
    ) -> None:
        self.root = root = source.root
        self.release = release
        self.experimental = experimental
        self.disaggregated = disaggregated
        known = release.plugins()
        self.listed = [
            Listed(
                item,
                item["name"].text or item["type"].text or "",
                item["type"].text,
                known.get(item["type"].text or ""),
            )
            for item in root["plugins"].items()
        ]
        self.plugins: dict[str, Listed] = {}
        for plugin in self.listed:
            self.plugins.setdefault(plugin.name, plugin)
        self.profiles = [
            ListedProfile(
                item,
                item["name"].text,
                [reference["pluginRef"] for reference in item["plugins"].items()],
            )
            for item in root["schedulingProfiles"].items()
        ] or [self._default_profile()]
        self.handlers = [plugin for plugin in self.listed if plugin.has_role("profile handler")]
        self.parsers = [
            parser["pluginRef"]
            for parser in (root["parser"], *root.at("requestHandler", "parsers").items())
            if parser["pluginRef"].present
        ]

    def _default_profile(self) -> ListedProfile:
        """The profile that runs every listed plugin, which the picker makes where none is."""
        references = [
            Cursor(plugin.name, plugin.at.path, plugin.at.document)
            for plugin in self.listed
            if any(plugin.has_role(role) for role in PROFILE_ROLES)
        ]
        return ListedProfile(self.root["schedulingProfiles"], "default", references)

    def profile(self, name: str) -> ListedProfile | None:
        """The profile of that name."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def type_of(self, reference: str) -> PluginType | None:
        """The type behind a reference: of the plugin listed so, or of one named by its type."""
        listed = self.plugins.get(reference)
        return listed.known if listed else self.release.plugins().get(reference)

    def produced(self) -> set[RequestData]:
        """The data that plugins find: from those listed, and from those that come by themselves."""
        types = [plugin.known for plugin in self.listed if plugin.known is not None]
        brought = [self.release.plugins()[each] for known in types for each in known.brings]
        produced = {data for known in (*types, *brought) for data in known.produces}
        consumed = {data for known in types for data in known.consumes}
        return produced | (consumed & self.release.picker.config.default_producers.keys())

    def of_type(self, type: str) -> Iterator[Listed]:
        """The listed plugins of a type."""
        return (plugin for plugin in self.listed if plugin.type == type)

    def registered(self) -> Iterator[Listed]:
        """The listed plugins whose type the release has."""
        return (plugin for plugin in self.listed if plugin.known is not None)

    def pickers(self) -> list[Listed]:
        """The listed plugins that pick a pod among those that were scored."""
        return [plugin for plugin in self.listed if plugin.has_role("picker")]

    def profiles_without_picker(self) -> list[ListedProfile]:
        """The profiles that name no picker."""
        return [
            profile
            for profile in self.profiles
            if not any(plugin.has_role("picker") for plugin in profile.runs(self.plugins))
        ]

    def stage_handlers(self) -> Iterator[tuple[Listed, Stages]]:
        """The profile handlers that disaggregate, and their stages."""
        for handler in self.handlers:
            if handler.known is not None and handler.known.stages is not None:
                yield handler, handler.known.stages

    def named_deciders(self) -> Iterator[tuple[Listed, Cursor, str]]:
        """The deciders that handlers name: the handler, where it names one, and the name."""
        for handler, stages in self.stage_handlers():
            for paths, default in (
                (stages.prefill_decider, stages.default_prefill_decider),
                (stages.encode_decider, None),
            ):
                at = first_written(handler, paths)
                name = at.value if at is not None else default
                if name is not None:
                    yield handler, at or handler.at, str(name)

    def unknown_parameters(self) -> Iterator[tuple[Listed, str, Cursor]]:
        """The parameters that the release does not have for their plugin."""
        for plugin in self.listed:
            if plugin.known is None:
                continue
            names = {parameter.name.casefold() for parameter in plugin.known.parameters}
            for key, at in plugin.at["parameters"].fields():
                if key.casefold() not in names:
                    yield plugin, key, at

    def references(self) -> Iterator[tuple[Cursor, bool]]:
        """Every place that names a plugin, and whether it names a request parser."""
        for profile in self.profiles:
            yield from ((reference, False) for reference in profile.references)
        yield from ((parser, True) for parser in self.parsers)
        root = self.root
        for source in root.at("dataLayer", "sources").items():
            yield source["pluginRef"], False
            for extractor in source["extractors"].items():
                yield extractor["pluginRef"], False
        for detector in (root["saturationDetector"], root.at("flowControl", "saturationDetector")):
            if detector["pluginRef"].present:
                yield detector["pluginRef"], False

    def resolves(self, name: str, *, parser: bool) -> bool:
        """Whether the picker finds a plugin of that name, listed or created by itself."""
        if name in self.plugins:
            return True
        config, unlisted = self.release.picker.config, self.release.plugins().get(name)
        if unlisted is None:
            return False
        if parser and config.undeclared_parsers:
            return True
        return name in config.undeclared and not self._is_replaced(name)

    def _is_replaced(self, name: str) -> bool:
        """Whether the picker does not create a plugin, since another of its role is listed."""
        roles = set(self.release.plugin(name).roles) & {"picker", "profile handler"}
        return any(plugin.has_role(role) for role in roles for plugin in self.listed)
