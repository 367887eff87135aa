"""A rule of a Role or ClusterRole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Permission:
    """What an account may do with resources of one API group.

    Attributes:
        verbs: Such as ``list`` and ``watch``.
        api_group: Empty for the core group.
        resources: Plural names of kinds.
        urls: Paths of the API server or of a server that asks it; then there is no resource.
        if_installed: Whether it is needed only where the CRDs of these kinds are installed.
    """

    verbs: tuple[str, ...]
    api_group: str = ""
    resources: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    if_installed: bool = False

    def rule(self) -> dict[str, list[str]]:
        """As a rule of a Role or ClusterRole."""
        if self.urls:
            return {"nonResourceURLs": [*self.urls], "verbs": [*self.verbs]}
        return {
            "apiGroups": [self.api_group],
            "resources": [*self.resources],
            "verbs": [*self.verbs],
        }
