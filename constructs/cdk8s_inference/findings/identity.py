"""What a finding is recognized by from one run to the next."""

from __future__ import annotations

import re

from cdk8s_inference.findings.finding import Finding

_INDEX = re.compile(r"\[\d+\]")


def identity(finding: Finding, file: str) -> tuple[str, str, str, str]:
    """Its code, file, object and field.

    Neither its line nor its words, nor places in lists, which change with what has nothing to do
    with it.

    Args:
        finding: The finding.
        file: Its file, as it is called from where the other runs are known.
    """
    return finding.code, file, finding.object or "", _INDEX.sub("[]", finding.path)
