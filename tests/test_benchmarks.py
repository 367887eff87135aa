"""What make bench measures with, and how it says so."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.process import CommandFailed, Run, run
from benchmarks.report import Row, growth, replace_section, table
from benchmarks.sides import COMPOSED, RAW


def test_a_run_is_of_the_whole_process() -> None:
    # Long enough to be looked at, also where the machine is busy.
    code = "import time; block = bytearray(64 << 20); time.sleep(0.5)"
    measured = run([sys.executable, "-c", code], os.environ)
    assert measured.wall >= 0.1
    assert measured.cpu > 0
    assert measured.memory["Python"] > 64


def test_a_side_that_fails_is_told() -> None:
    with pytest.raises(CommandFailed, match="no such thing"):
        run([sys.executable, "-c", "raise SystemExit('no such thing')"], os.environ)


def test_ratios_are_of_the_base_in_the_same_round() -> None:
    base = [Run(1.0, 1.0, {}), Run(2.0, 1.0, {}), Run(4.0, 2.0, {})]
    own = [Run(2.0, 1.0, {"Python": 30.4}), Run(6.0, 2.0, {}), Run(4.0, 8.0, {"Python": 31})]
    row = Row("Unified", 10, COMPOSED, list(zip(own, base, strict=True)))
    assert (row.wall, row.cpu) == ("2.00 (1.00-3.00)", "2.00 (1.00-4.00)")
    assert row.memory == "Python 31"
    assert "| 10 | cdk8s-inference, Python app | 2.00 (1.00-3.00) |" in table([row], RAW)


def test_memory_is_of_all_processes_that_run_at_a_time() -> None:
    code = "import os, time; block = bytearray(64 << 20); os.fork(); block[:] = b'1' * len(block); "
    code += "time.sleep(0.5)"
    assert run([sys.executable, "-c", code], os.environ).memory["Python"] > 128


def test_growth_is_of_the_time_for_each_deployment() -> None:
    times = {100: 2.0, 1000: 21.0}
    rows = [
        Row("Unified", count, RAW, [(Run(wall, 1.0, {}), Run(wall, 1.0, {}))])
        for count, wall in times.items()
    ]
    text = growth([*rows, Row("Unified", 100, COMPOSED, rows[0].pairs)], 100)
    assert text.splitlines() == [
        "| mode | program | 1000 deployments |",
        "| --- | --- | ---: |",
        f"| Unified | {RAW.name} | 1.05 |",
        f"| Unified | {COMPOSED.name} | - |",
    ]

    assert growth(rows[:1], 100) == "No run had more than 100 deployments."


def test_a_section_of_a_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end of a -->\nafter\n")
    replace_section(page, "a", "new")
    assert page.read_text() == "before\n<!-- a -->\nnew\n<!-- end of a -->\nafter\n"
    with pytest.raises(ValueError, match="no section 'b'"):
        replace_section(page, "b", "new")
