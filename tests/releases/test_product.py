"""Which release an image is judged by: its own, or the nearest that is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdk8s_inference.releases import (
    ROUTER,
    ROUTER_V0_8_0,
    ROUTER_V0_9_0,
    ROUTER_V0_10_0,
    Product,
    RouterRelease,
    picker_release,
)
from cdk8s_inference.releases.flag import Flag

EPP, OLD_EPP = "llm-d-router-endpoint-picker", "llm-d-inference-scheduler"


@pytest.mark.parametrize(
    ("image", "tag", "title"),
    [
        (EPP, "v0.10.0", "router v0.10.0"),
        (EPP, "v0.9.0", "router v0.9.0"),
        (OLD_EPP, "v0.8.0", "router v0.8.0"),
        ("epp", "v0.5.1", "GAIE v0.5.1"),
        ("epp", "v1.0.1", "GAIE v1.0.1"),
        ("epp", "v1.5.0", "GAIE v1.5.0"),
        ("lwepp", "v1.6.0", "lwepp v1.6.0"),
    ],
)
def test_a_release_that_is_known(image: str, tag: str, title: str) -> None:
    match = picker_release(image, tag)
    assert (match.release.title, match.assumed) == (title, None)


@pytest.mark.parametrize(
    ("image", "tag", "title", "why"),
    [
        (EPP, "v0.11.0", "router v0.10.0", "v0.11.0 is newer than router v0.10.0"),
        (EPP, "v1.0.0-rc.1", "router v0.10.0", "v1.0.0-rc.1 is newer than router v0.10.0"),
        (OLD_EPP, "v0.6.0", "router v0.8.0", "v0.6.0 is older than router v0.8.0"),
        (EPP, "v0.9.3", "router v0.9.0", "v0.9.3 is not known"),
        (EPP, "v0.10.0-rc.1", "router v0.10.0", "v0.10.0-rc.1 is not known"),
        (EPP, "main", "router v0.10.0", "tag 'main' names no release"),
        (EPP, "", "router v0.10.0", "the image has no tag"),
        (OLD_EPP, "sha-8a1b2c3", "router v0.10.0", "tag 'sha-8a1b2c3' names no release"),
        ("odh-llm-d-inference-scheduler", "v0.9.0", "router v0.9.0", "not an image of its project"),
        (OLD_EPP, "v0.9.0", "router v0.9.0", "not an image of its project"),
        ("epp", "v1.6.0", "GAIE v1.5.0", "v1.6.0 is newer than GAIE v1.5.0"),
        ("epp", "v0.3.0", "GAIE v0.5.1", "v0.3.0 is older than GAIE v0.5.1"),
        ("epp", "v20251119-2aaf2a6", "GAIE v1.5.0", "names no release"),
        ("my-picker", "dev", "router v0.10.0", "tag 'dev' names no release"),
    ],
)
def test_the_nearest_of_an_unknown_one(image: str, tag: str, title: str, why: str) -> None:
    match = picker_release(image, tag)
    assert match.release.title == title
    assert match.assumed is not None
    assert why in match.assumed


def test_flags_tell_the_product_of_an_image_of_another_name() -> None:
    match = picker_release("my-picker", "dev", ["poolName", "grpcPort"])
    assert match.release.title == "GAIE v0.5.1"
    assert picker_release("my-picker", "dev", ["pool-name"]).release.title == "router v0.10.0"


def test_flags_tell_the_release_where_the_tag_does_not() -> None:
    match = picker_release("epp", "main", ["pool-name", "kubeconfig"])
    assert match.release.title == "GAIE v1.2.1"
    assert ROUTER.match("sidecar", "llm-d-routing-sidecar", "latest", ["connector"]).release is (
        ROUTER_V0_9_0
    )


def test_sidecars_are_the_routers() -> None:
    assert ROUTER.match("sidecar", "llm-d-routing-sidecar", "v0.8.0").release is ROUTER_V0_8_0
    other = ROUTER.match("sidecar", "llmd-router-disagg-sidecar", "v0.9.0")
    assert (other.release, bool(other.assumed)) == (ROUTER_V0_9_0, True)


def test_a_new_release_is_a_file_and_an_entry() -> None:
    """What a release v0.11.0 would be: data of its own, and one more item in its product."""
    after: RouterRelease = replace(
        ROUTER_V0_10_0,
        version="v0.11.0",
        picker=replace(
            ROUTER_V0_10_0.picker,
            image=ROUTER_V0_10_0.picker.image.replace("v0.10.0", "v0.11.0"),
            flags=(*ROUTER_V0_10_0.picker.flags, Flag("new-flag", "bool", False)),
        ),
    )
    product = Product((*ROUTER.releases, after))
    assert product.match("picker", EPP, "v0.11.0").assumed is None
    assert product.match("picker", EPP, "v0.11.0").release.has_flag("picker", "new-flag")
    assert product.match("picker", EPP, "main").release is after
    newer = product.match("picker", EPP, "v0.12.0")
    assert newer.assumed == "v0.12.0 is newer than router v0.11.0, the newest known"
