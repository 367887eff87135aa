"""Writes the flags that ``vllm serve`` of this Python knows; run by the engines' Python."""

from __future__ import annotations

import argparse
import importlib
import json
import sys


def main() -> None:
    """Writes every long name of each flag, with whether it has a ``--no-`` form."""
    parsers = importlib.import_module("vllm.utils.argparse_utils")
    arguments = importlib.import_module("vllm.entrypoints.openai.cli_args")
    parser = arguments.make_arg_parser(parsers.FlexibleArgumentParser(prog="vllm serve"))
    flags = [
        [name for name in action.option_strings if name.startswith("--")]
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction)
    ]
    json.dump([names for names in flags if names], sys.stdout)


if __name__ == "__main__":
    main()
