"""Writes the flags that a server knows; run by a parent that has imported it."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from typing import Any


def parser() -> argparse.ArgumentParser:
    """The parser of ``vllm serve`` or of ``sglang.launch_server``, whichever is installed."""
    if importlib.util.find_spec("vllm"):
        parsers = importlib.import_module("vllm.utils.argparse_utils")
        arguments = importlib.import_module("vllm.entrypoints.cli.serve")
        made: argparse.ArgumentParser = arguments.make_arg_parser(
            parsers.FlexibleArgumentParser(prog="vllm serve")
        )
    else:
        made = argparse.ArgumentParser(prog="sglang")
        importlib.import_module("sglang.srt.server_args").ServerArgs.add_cli_args(made)
    return made


def main() -> None:
    """Writes each flag's long names, whether it takes a word, its choices and its default."""
    actions = parser()._actions
    flags = [flag(each) for each in actions if not isinstance(each, argparse._HelpAction)]
    json.dump([each for each in flags if each["names"]], sys.stdout)


def flag(action: argparse.Action) -> dict[str, Any]:
    """What the parser knows of a flag; a default that JSON has no word for is left out."""
    default = action.default
    plain = isinstance(default, str | int | float | bool) and default is not argparse.SUPPRESS
    return {
        "names": [name for name in action.option_strings if name.startswith("--")],
        "word": action.nargs != 0 and not isinstance(action, argparse.BooleanOptionalAction),
        "choices": sorted(str(each) for each in action.choices or () if each is not None),
        "default": default if plain else None,
    }


if __name__ == "__main__":
    main()
