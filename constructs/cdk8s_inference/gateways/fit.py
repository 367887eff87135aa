"""Whether a provider can do what a deployment asks of it."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import Finding
from cdk8s_inference.gateways.provider import GatewayProvider
from cdk8s_inference.picker_options import FailureMode


def misfits(
    provider: GatewayProvider, failure_mode: FailureMode, *, disaggregated: bool
) -> Iterator[Finding]:
    """What keeps a picker from working behind a provider's gateway, and what works otherwise.

    Args:
        provider: The provider.
        failure_mode: What the gateway shall do without a picker.
        disaggregated: Whether the picker names a prefill pod beside the one that it picks.
    """
    if provider.gateway_api and not provider.pools:
        yield Finding(
            "G101",
            "error",
            "",
            f"{provider} routes to Services alone, and asks no endpoint picker",
            "choose a gateway that serves InferencePools, or the provider standalone",
        )
        return
    if disaggregated and not provider.picker_headers:
        yield Finding(
            "G102",
            "error",
            "",
            f"{provider} drops the header in which the picker names a prefill pod: decode would do "
            "everything, and nothing would say so",
            "choose another gateway, or serve this deployment in mode Unified",
        )
    if failure_mode not in provider.failure_modes:
        honored = " or ".join(provider.failure_modes)
        yield Finding(
            "G103",
            "warning",
            "",
            f"the pool's failureMode is {failure_mode}, and {provider} does {honored} whatever "
            "is written",
            f"set PickerOptions.failure_mode to {honored}, or choose another gateway",
        )
