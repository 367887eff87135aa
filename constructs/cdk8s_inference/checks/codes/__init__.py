"""What the codes stand for that no rule over a topology has, a file for each family."""

from __future__ import annotations

from collections.abc import Mapping

from cdk8s_inference.checks.codes import pickers
from cdk8s_inference.findings.rule import AnyRule

CODES: Mapping[str, AnyRule] = {code.code: code for code in pickers.CODES}
"""Every such code."""
