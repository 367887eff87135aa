"""Upstream releases as data: one file per release, and the typed questions to ask of one."""

from cdk8s_inference.releases.router import NotInReleaseError, RouterRelease
from cdk8s_inference.releases.router_v0_8_0 import ROUTER_V0_8_0
from cdk8s_inference.releases.router_v0_9_0 import ROUTER_V0_9_0
from cdk8s_inference.releases.router_v0_10_0 import ROUTER_V0_10_0

ROUTER_RELEASES = (ROUTER_V0_8_0, ROUTER_V0_9_0, ROUTER_V0_10_0)
"""Every release of the router that this library composes for, oldest first."""

ROUTER_NEWEST = ROUTER_RELEASES[-1]


def router_release(version: str) -> RouterRelease:
    """The release of a tag.

    Raises:
        ValueError: It is not known; the message lists those that are.
    """
    for release in ROUTER_RELEASES:
        if release.version == version:
            return release
    known = ", ".join(release.version for release in ROUTER_RELEASES)
    raise ValueError(f"router release {version!r} is not known; choose one of {known}")


__all__ = [
    "ROUTER_NEWEST",
    "ROUTER_RELEASES",
    "ROUTER_V0_8_0",
    "ROUTER_V0_9_0",
    "ROUTER_V0_10_0",
    "NotInReleaseError",
    "RouterRelease",
    "router_release",
]
