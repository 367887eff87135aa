"""A picker configuration as it was written: plugins, profiles and references of any shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.releases import PickerRelease
from cdk8s_inference.releases.plugin_type import PROFILE_ROLES, PluginRole, PluginType, RequestData
from cdk8s_inference.source import Cursor


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
        listed: The plugins it lists, in order, also those of one name.
        plugins: The first of each name.
        profiles: The profiles.
        handlers: The profile handlers that it lists.
        parsers: The plugins that it names as parsers of requests.
    """

    def __init__(self, data: Any, release: PickerRelease) -> None:
        self.root = root = Cursor(data)
        self.release = release
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
            Cursor(plugin.name, plugin.at.path)
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
