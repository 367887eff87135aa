"""Work on many documents in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_LEAST = 8
"""Documents that a process must have, so that its start is worth while."""

_work: Callable[[int], Any] | None = None
"""What a forked process does with the item of an index: neither goes through a pipe."""


def usable_cpus() -> int:
    """The CPUs that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parallel_map(
    function: Callable[[_Item], _Result], items: Sequence[_Item], jobs: int
) -> Iterator[_Result]:
    """The results of a function for some items, in their order.

    Processes are forked, which only Linux does safely; elsewhere, and for a few items, it is done
    here.

    Args:
        function: Its results, and what it raises, must be picklable.
        items: What it is called with.
        jobs: Processes to use at most.
    """
    global _work
    jobs = min(jobs, len(items) // _LEAST)
    if jobs < 2 or sys.platform != "linux":
        yield from map(function, items)
        return
    _work = lambda index: function(items[index])  # noqa: E731
    try:
        with multiprocessing.get_context("fork").Pool(jobs, _leave_interrupts) as pool:
            yield from pool.imap(_run, range(len(items)), chunksize=_LEAST // 2)
    finally:
        _work = None


def _leave_interrupts() -> None:
    # The terminal sends an interrupt to all of them, and this process's parent ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(index: int) -> Any:
    assert _work is not None
    return _work(index)
