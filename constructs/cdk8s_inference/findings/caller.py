"""Where a user's code calls this package."""

from __future__ import annotations

import dataclasses
import os
import sys
from functools import cache
from pathlib import Path
from types import FrameType

_PACKAGE = Path(__file__).resolve().parents[1]
_NOT_USERS = ("cdk8s", "constructs", "jsii", "pydantic")
"""Packages that stand between a user's call and ours."""


def caller() -> tuple[FrameType, int]:
    """The innermost frame that is not of this package, and how many frames are above it.

    jsii calls back into a construct, and so does cdk8s at synthesis: how deep that is differs. The
    command line has no other frame; then it is the outermost one.
    """
    frame, depth = sys._getframe(1), 1
    while _is_ours(frame.f_code.co_filename) and frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return frame, depth


@cache
def _is_ours(file: str) -> bool:
    path = Path(file)
    # Its replace() makes an instance for its caller.
    if path.is_relative_to(_PACKAGE) or file == dataclasses.__file__:
        return True
    return any(f"{os.sep}site-packages{os.sep}{name}{os.sep}" in file for name in _NOT_USERS)


def line_of(frame: FrameType) -> tuple[str, int]:
    """A frame's file, relative to the working directory where it is below, and its line."""
    file = frame.f_code.co_filename
    below = os.path.relpath(file) if os.path.isabs(file) else file
    return file if below.startswith(os.pardir) else below, frame.f_lineno
