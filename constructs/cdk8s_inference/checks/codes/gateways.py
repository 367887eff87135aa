"""Gateways that cannot do what is asked of them."""

from __future__ import annotations

from cdk8s_inference.checks.code import Code

CODES: tuple[Code, ...] = ()
