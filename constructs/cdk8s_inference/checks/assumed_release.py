"""What is to say of programs whose release is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cdk8s_inference.findings import Violation
from cdk8s_inference.topology.program import ReleasedProgram


def assumed_releases(programs: Iterable[ReleasedProgram[Any]]) -> Iterator[Violation]:
    """A violation for each image by which release it is judged, and why by that one.

    Flags that the release does not have are named in it: a newer release may well have them.
    """
    images = set()
    for program in programs:
        image, match = program.container.image, program.match
        if match.assumed is None or image.value in images:
            continue
        images.add(image.value)
        lacking = ", ".join(each.use.written for each in program.refused)
        yield Violation(
            image if image.value else program.container.here,
            f"{image.value!r} is judged as {match.release.title}: {match.assumed}"
            + (f"; that release does not take {lacking}" if lacking else ""),
        )
