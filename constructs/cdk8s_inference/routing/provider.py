"""What a routing construct asks of the gateway's provider before it composes anything."""

from __future__ import annotations

from cdk8s_inference import findings
from cdk8s_inference.document.rules.gateways import incompatibilities
from cdk8s_inference.platform import Platform


def require_provider(platform: Platform, *, disaggregated: bool, warn: bool) -> None:
    """Refuses a provider behind which a picker cannot work.

    Args:
        platform: The platform's choices.
        disaggregated: Whether prefill is apart from decode.
        warn: Whether to warn of what works otherwise than asked.

    Raises:
        InvalidInput: It cannot work; says why.
    """
    found = list(incompatibilities(platform, disaggregated=disaggregated))
    if findings.errors(found):
        raise findings.InvalidInput(found)
    if warn:
        findings.warn(found)
