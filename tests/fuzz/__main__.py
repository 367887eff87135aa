"""Runs the fuzzer for a time, keeps what fails, and says what was tried."""

from __future__ import annotations

import hashlib
import itertools
import re
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

import click

from tests.fuzz.hold import hold
from tests.fuzz.inputs import KINDS, Input

FOUND = Path(__file__).parent / "found"
SLOW = 10.0
"""Seconds that no input of this size may take."""


def memory() -> int:
    """The highest memory of this process so far, in KiB; 0 where the system does not say."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) if found else 0


def keep(given: Input) -> Path:
    """Keeps the content of an input that failed, which a test then reads."""
    FOUND.mkdir(exist_ok=True)
    file = FOUND / f"{given.kind}-{hashlib.sha256(given.content).hexdigest()[:12]}.yaml"
    file.write_bytes(given.content)
    return file


@click.command()
@click.option("--seconds", default=60.0, show_default=True, help="How long to look.")
@click.option("--start", default=0, show_default=True, help="The number of the first input.")
@click.option("--kind", "kinds", type=click.Choice(tuple(KINDS)), multiple=True)
def main(seconds: float, start: int, kinds: tuple[str, ...]) -> None:
    """Try inputs of each kind in turn, from one number on."""
    tried: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    failures = 0
    slowest: list[tuple[float, str]] = []
    grown: list[tuple[int, str]] = []
    end = time.monotonic() + seconds
    for number in itertools.count(start):
        for kind in kinds or KINDS:
            given = KINDS[kind](Random(f"{kind}-{number}"))
            before, begun = memory(), time.monotonic()
            try:
                codes.update(hold(given, number))
            except Exception:
                failures += 1
                where = keep(given) if given.content else "not kept"
                click.echo(f"{kind} {number}: {where}\n{traceback.format_exc(limit=-3)}")
            took = time.monotonic() - begun
            if took > SLOW:
                failures += 1
                click.echo(f"{kind} {number}: took {took:.1f} s: {keep(given)}")
            tried[kind] += 1
            slowest = sorted([*slowest, (took, f"{kind} {number}")])[-3:]
            grown = sorted([*grown, (memory() - before, f"{kind} {number}")])[-3:]
        if time.monotonic() > end:
            break
    click.echo(f"tried: {', '.join(f'{count} {kind}' for kind, count in tried.items())}")
    click.echo(f"codes: {len(codes)} different; most often {codes.most_common(8)}")
    click.echo(f"slowest: {'; '.join(f'{name} {took:.2f} s' for took, name in reversed(slowest))}")
    click.echo(f"memory: {memory()} KiB; grew most with {grown[::-1]}")
    click.echo(f"failures: {failures}; next number {number + 1}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
