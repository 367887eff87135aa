"""What is said about every kind of change, to be read."""

from __future__ import annotations

import click
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from cdk8s_inference.checks import check_topology
from cdk8s_inference.cli.diff_formats.text import written
from cdk8s_inference.diff import Comparison, compared
from cdk8s_inference.diff.model_change import Devices
from tests.diff.pairs import PAIRS, topologies


class Text(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


def comparison(name: str) -> Comparison:
    old, new = topologies(name)
    return compared(old, new, check_topology(old), check_topology(new))


@pytest.mark.parametrize("name", PAIRS)
def test_words(name: str, snapshot: SnapshotAssertion) -> None:
    assert click.unstyle(written(comparison(name))) == snapshot(extension_class=Text)


@pytest.mark.parametrize(
    ("name", "old", "most", "new", "spare"),
    [
        ("mode", 1, 3, 2, 2),
        ("mode back", 2, 3, 1, 1),
        ("rename", 2, 4, 2, 2),
        ("image", 8, 12, 8, 2),
        ("image in place", 8, 8, 8, 0),
        ("copies", 8, 10, 10, 0),
        ("gang size", 32, 64, 64, 0),
        ("new names in one pool", 8, 16, 8, 8),
        ("prefill removed", 8, 8, 4, 0),
        ("claim", 8, 16, 16, 0),
        ("many more copies", 8, 18, 14, 0),
    ],
)
def test_devices_before_meanwhile_and_after(
    name: str, old: int, most: int, new: int, spare: int
) -> None:
    (model,) = comparison(name).models
    assert model.devices == Devices(old, most, new, spare)


@pytest.mark.parametrize("name", ["pool removed", "route removed", "service selector", "listener"])
def test_what_leads_to_pods_restarts_none(name: str) -> None:
    assert not comparison(name).restarts


def test_what_is_lost_is_no_outage() -> None:
    """No new pod takes the place of prefill that goes."""
    (model,) = comparison("prefill removed").models
    assert (list(model.outages()), list(model.lost()), model.switch) == ([], ["prefill"], None)


def test_old_engines_that_the_pool_still_selects_are_judged_with_the_new_ones() -> None:
    (model,) = comparison("new names in one pool").models
    assert model.stay == ("Deployment llm/prefill", "Deployment llm/decode")
    (state,) = model.mixed
    assert {each.code for each in state.findings} == {"T305"}


def test_a_new_image_is_not_hidden_among_other_causes() -> None:
    """As where a flag of a container before it, and many more fields, change too."""
    text = click.unstyle(written(comparison("many changes of a pod")))
    (because,) = (line for line in text.splitlines() if "because" in line)
    assert because.startswith("      because image vllm/vllm-openai:v0.32.0 → v0.33.0; ")
    assert because.endswith("; and 2 more")
