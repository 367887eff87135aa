"""The command line: ``cdk8s-inference``."""

from cdk8s_inference.cli.main import main

__all__ = ["main"]
