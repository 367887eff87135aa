"""What must hold for any input."""

from __future__ import annotations

import json
import warnings
from typing import Any

from click.testing import CliRunner

from cdk8s_inference.cli.commands import commands
from tests.fuzz.damage import CANARY
from tests.fuzz.inputs import Input

FORMATS = ("text", "json", "sarif", "github")


def hold(given: Input, number: int = 0) -> set[str]:
    """The codes that an input has.

    Raises:
        AssertionError: What is promised does not hold.
        Exception: Any other is a fault as well.
    """
    if given.make is not None:
        return _made(given.make)
    return checked(given.content, FORMATS[number % len(FORMATS)])


def checked(content: bytes, format: str) -> set[str]:
    """The codes that a check of a content has, where its output is as promised."""
    result = CliRunner().invoke(commands, ["check", "-", "--format", format], input=content)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1), f"exit status {result.exit_code}"
    quiet(result.output)
    if format != "json":
        return set()
    return {each["code"] for each in json.loads(result.output)}


def quiet(text: str) -> None:
    """A text shows neither secrets nor characters that control a terminal."""
    assert CANARY not in text, "a secret is shown"
    assert all(line.isprintable() for line in text.split("\n")), "a control character is shown"


def _made(make: Any) -> set[str]:
    """The name of the exception that a value of Python is refused with, if it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            repr(make())
        except (TypeError, ValueError) as error:
            quiet("" if "\n" in str(error) else str(error))
            return {type(error).__name__}
    return {"accepted"}
