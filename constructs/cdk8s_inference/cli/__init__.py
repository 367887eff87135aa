"""The command line: ``cdk8s-inference``."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Runs the program ``cdk8s-inference``, and ends the process with its exit status."""
    # Until something could be left behind, an interrupt ends the program without a word.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from cdk8s_inference import plain_tree
    from cdk8s_inference.cli.program import run

    plain_tree.use()

    sys.exit(run())
