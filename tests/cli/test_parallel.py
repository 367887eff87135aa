"""Many documents are composed by several processes, as by one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cdk8s_inference.cli.parallel import parallel_map
from tests.cli.console import named, program, save

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


def test_results_are_in_order_and_of_several_processes() -> None:
    items = list(range(64))
    found = list(parallel_map(lambda item: (item * 2, os.getpid()), items, 2))
    assert [result for result, _ in found] == [item * 2 for item in items]
    assert os.getpid() not in {process for _, process in found}


def test_a_few_items_are_worked_on_here() -> None:
    assert set(parallel_map(lambda _: os.getpid(), range(9), 4)) == {os.getpid()}


def test_what_fails_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(parallel_map(lambda item: 1 // item, range(64), 2))


def test_synth_writes_the_same(tmp_path: Path) -> None:
    file = save(tmp_path / "all.yaml", *(named(f"it-{index}") for index in range(16)))
    one, two = (program("synth", file, "--stdout", "--jobs", jobs) for jobs in ("1", "2"))
    assert (one.returncode, two.returncode) == (0, 0), two.stderr
    assert one.stdout == two.stdout
    assert one.stderr == two.stderr
