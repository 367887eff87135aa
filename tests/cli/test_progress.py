"""Progress is for terminals, and for runs that last."""

from __future__ import annotations

import io
import sys
import time

import pytest

from cdk8s_inference.cli import progress
from cdk8s_inference.cli.progress import with_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch, delay: float) -> Terminal:
    """Not a fixture: pytest sets standard error again before it calls the test."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(progress, "DELAY", delay)
    return made


def test_a_long_run_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch, delay=1e-9)
    for _ in with_progress(range(3), 3, "deployment", quiet=False):
        time.sleep(0.11)  # It is shown ten times a second at most.
    shown = terminal.getvalue()
    assert "1/3" in shown
    assert "deployments/s" in shown
    assert shown.endswith("\r")


def test_a_short_run_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch, delay=60)
    assert list(with_progress(range(3), 3, "file", quiet=False)) == [0, 1, 2]
    assert terminal.getvalue().strip() == ""


def test_quiet_and_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch, delay=1e-9)
    items = range(3)
    assert with_progress(items, 3, "file", quiet=True) is items
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert with_progress(items, 3, "file", quiet=False) is items
    assert terminal.getvalue() == ""
