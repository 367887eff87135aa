"""Upstream releases as data: one file per release, and the typed questions to ask of one.

A new release is a file of its own and an entry in its product here.
"""

import re
from collections.abc import Collection

from cdk8s_inference.arguments import checked
from cdk8s_inference.releases.gaie_v0_5_1 import GAIE_V0_5_1
from cdk8s_inference.releases.gaie_v1_0_0 import GAIE_V1_0_0, GAIE_V1_0_1, GAIE_V1_0_2
from cdk8s_inference.releases.gaie_v1_1_0 import GAIE_V1_1_0
from cdk8s_inference.releases.gaie_v1_2_0 import GAIE_V1_2_0, GAIE_V1_2_1
from cdk8s_inference.releases.gaie_v1_3_0 import GAIE_V1_3_0, GAIE_V1_3_1
from cdk8s_inference.releases.gaie_v1_4_0 import GAIE_V1_4_0
from cdk8s_inference.releases.gaie_v1_5_0 import GAIE_V1_5_0
from cdk8s_inference.releases.lwepp_v1_6_0 import LWEPP_V1_6_0
from cdk8s_inference.releases.product import Product, ReleaseMatch
from cdk8s_inference.releases.release import NotInReleaseError, PickerRelease
from cdk8s_inference.releases.router import RouterRelease
from cdk8s_inference.releases.router_v0_8_0 import ROUTER_V0_8_0
from cdk8s_inference.releases.router_v0_9_0 import ROUTER_V0_9_0
from cdk8s_inference.releases.router_v0_10_0 import ROUTER_V0_10_0

ROUTER = Product((ROUTER_V0_8_0, ROUTER_V0_9_0, ROUTER_V0_10_0))
"""llm-d's router, which this library composes."""

GAIE = Product(
    (
        GAIE_V0_5_1,
        GAIE_V1_0_0,
        GAIE_V1_0_1,
        GAIE_V1_0_2,
        GAIE_V1_1_0,
        GAIE_V1_2_0,
        GAIE_V1_2_1,
        GAIE_V1_3_0,
        GAIE_V1_3_1,
        GAIE_V1_4_0,
        GAIE_V1_5_0,
    )
)
"""The Gateway API Inference Extension's own endpoint picker, which others run."""

LWEPP = Product((LWEPP_V1_6_0,))
"""Its lightweight picker, which followed it."""

PICKERS: tuple[Product[PickerRelease], ...] = (ROUTER, GAIE, LWEPP)
"""Whatever releases an endpoint picker; one of another name is taken for the first's."""

ROUTER_RELEASES = ROUTER.releases
"""Every release of the router that this library composes for, oldest first."""

ROUTER_NEWEST = ROUTER_RELEASES[-1]

RELEASES: tuple[PickerRelease, ...] = tuple(
    release for product in PICKERS for release in product.releases
)
"""Every release of an endpoint picker."""


_CAMEL_CASE = re.compile(r"[a-z]+(?:[A-Z][a-z]*)+")


@checked
def router_release(version: str) -> RouterRelease:
    """The router's release of a tag.

    Raises:
        ValueError: It is not known; the message lists those that are.
    """
    for release in ROUTER_RELEASES:
        if release.version == version:
            return release
    known = ", ".join(release.version for release in ROUTER_RELEASES)
    raise ValueError(f"router release {version!r} is not known; choose one of {known}")


def picker_release(
    image: str, tag: str, flags: Collection[str] = ()
) -> ReleaseMatch[PickerRelease]:
    """The release that a picker is judged by: its own, or the nearest that is known.

    Args:
        image: The last part of its image's name.
        tag: Its image's tag; empty without one.
        flags: What it is given, as written without dashes.
    """
    product = next((each for each in PICKERS if each.builds("picker", image)), None)
    if product is None:
        # Flags such as poolName are GAIE's alone.
        product = GAIE if any(_CAMEL_CASE.fullmatch(flag) for flag in flags) else ROUTER
    return product.match("picker", image, tag, flags)


__all__ = [
    "GAIE",
    "LWEPP",
    "PICKERS",
    "RELEASES",
    "ROUTER",
    "ROUTER_NEWEST",
    "ROUTER_RELEASES",
    "ROUTER_V0_8_0",
    "ROUTER_V0_9_0",
    "ROUTER_V0_10_0",
    "NotInReleaseError",
    "PickerRelease",
    "Product",
    "ReleaseMatch",
    "RouterRelease",
    "picker_release",
    "router_release",
]
