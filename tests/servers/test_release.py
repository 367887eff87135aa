"""Facts by release."""

from __future__ import annotations

import pytest

from cdk8s_inference.servers.release import ByRelease, nearest, release_of_tag


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("v0.23.0", "0.23.0"),
        ("0.5.9-cu126", "0.5.9"),
        ("v0.23.0rc1", "0.23.0"),
        ("v1.2", "1.2"),
        ("latest", None),
        ("nightly-0.23.0", None),
        ("", None),
        ("2026.10.01.1", None),
    ],
)
def test_the_release_of_a_tag(tag: str, expected: str | None) -> None:
    assert release_of_tag(tag) == expected


@pytest.mark.parametrize(
    ("release", "expected"),
    [("0.9.0", "0.11.0"), ("0.12.3", "0.12.0"), ("0.20.0", "0.12.0"), (None, "0.12.0")],
)
def test_the_nearest_release(release: str | None, expected: str) -> None:
    assert nearest(release, ["0.12.0", "0.11.0"]) == expected


def test_a_fact_holds_from_its_release_on() -> None:
    fact = ByRelease("a", (("0.9.0", "b"), ("0.10.0", "c")))
    assert [fact.at(each) for each in ("0.8.5", "0.9.2", "0.10.0", "0.11.0", None)] == list("abccc")
