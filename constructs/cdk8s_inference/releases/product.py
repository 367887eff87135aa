"""Which release a program is of, told by its image; the nearest one that is known otherwise."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from cdk8s_inference.releases.release import PickerRelease, Program

R = TypeVar("R", bound=PickerRelease, covariant=True)

_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?![\w.])")


@dataclass(frozen=True)
class ReleaseMatch(Generic[R]):
    """The release by which a program is judged.

    Attributes:
        release: That release.
        assumed: Why it is not known to be the program's own, as a clause; None where it is
            known. What then follows from the release is no more than a note.
    """

    release: R
    assumed: str | None = None


@dataclass(frozen=True)
class Product(Generic[R]):
    """The releases of a program, or of programs that are released together.

    Attributes:
        releases: Those that are known here, oldest first.
    """

    releases: tuple[R, ...]

    def __str__(self) -> str:
        versions = ", ".join(release.version for release in self.releases)
        return f"{self.releases[0].product} {versions}"

    def builds(self, program: Program, name: str) -> bool:
        """Whether its project calls an image of that program so; last part of the name alone."""
        return any(name == _name_of(each.image(program)) for each in self.releases)

    def match(
        self, program: Program, name: str, tag: str, flags: Collection[str] = ()
    ) -> ReleaseMatch[R]:
        """The release that an image is of, or the nearest that is known.

        Args:
            program: What the image is to run.
            name: The last part of the image's name.
            tag: Its tag; empty where it has none.
            flags: What the program is given, as written without dashes. Where the tag names no
                release, the newest one that has them all is taken.
        """
        for each in self.releases:
            if tag == each.version and name == _name_of(each.image(program)):
                return ReleaseMatch(each)
        oldest, newest = self.releases[0], self.releases[-1]
        version = _version(tag)
        if version is None:
            why = f"tag {tag!r} names no release" if tag else "the image has no tag"
            able = (each for each in reversed(self.releases) if _has(each, program, flags))
            return ReleaseMatch(next(able, newest), why)
        nearest = max(
            (each for each in self.releases if _known(each) <= version),
            key=_known,
            default=oldest,
        )
        if tag == nearest.version:
            return ReleaseMatch(nearest, f"{name!r} is not an image of its project")
        if version > _known(newest):
            return ReleaseMatch(newest, f"{tag} is newer than {newest.title}, the newest known")
        if version < _known(oldest):
            return ReleaseMatch(oldest, f"{tag} is older than {oldest.title}, the oldest known")
        return ReleaseMatch(nearest, f"{tag} is not known")


def _version(tag: str) -> tuple[int, int, int] | None:
    found = _VERSION.match(tag)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))


def _known(release: PickerRelease) -> tuple[int, int, int]:
    return _version(release.version) or (0, 0, 0)


def _name_of(image: str | None) -> str:
    return (image or "").rpartition("/")[2].partition(":")[0]


def _has(release: PickerRelease, program: Program, flags: Collection[str]) -> bool:
    written = {each.written for each in release.flags(program).values()}
    return written.issuperset(flags)
