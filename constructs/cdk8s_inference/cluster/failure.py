"""Why a cluster cannot be read."""

from __future__ import annotations

from cdk8s_inference.findings.secret import masked
from cdk8s_inference.findings.terminal import escaped


class ClusterFailure(Exception):
    """What is wrong with the way to a cluster, and what to do, as one line without secrets.

    Attributes:
        status: The HTTP status that its API answered with; None where it did not answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(escaped(masked(message)))
        self.status = status
