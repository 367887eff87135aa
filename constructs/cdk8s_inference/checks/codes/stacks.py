"""Serving stacks, and their documents."""

from __future__ import annotations

from cdk8s_inference.checks.code import Code

CODES: tuple[Code, ...] = ()
