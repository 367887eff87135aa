"""What a routing construct asks of the gateway's provider before it composes anything."""

from __future__ import annotations

import warnings

from cdk8s_inference.findings import InferenceWarning, InvalidInput, errors
from cdk8s_inference.gateways.fit import misfits
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
    found = list(misfits(platform, disaggregated=disaggregated))
    if errors(found):
        raise InvalidInput(found)
    for finding in found:
        if warn:
            # On behalf of the construct's caller, with jsii in between.
            warnings.warn(str(finding), InferenceWarning, stacklevel=4)
