"""``python -m cdk8s_inference``: the same as the program ``cdk8s-inference``."""

from __future__ import annotations

from cdk8s_inference.cli import main

main()
