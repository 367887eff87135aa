"""What is said about every kind of change, to be read."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from cdk8s_inference.checks import check_topology
from cdk8s_inference.cli.diff_formats.text import written
from cdk8s_inference.diff import Comparison, compared
from tests.diff.pairs import PAIRS, topologies


class Text(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


def comparison(name: str) -> Comparison:
    old, new = topologies(name)
    return compared(old, new, check_topology(old), check_topology(new))


@pytest.mark.parametrize("name", PAIRS)
def test_words(name: str, snapshot: SnapshotAssertion) -> None:
    import click

    assert click.unstyle(written(comparison(name))) == snapshot(extension_class=Text)
