"""Whether a provider can do what a deployment asks of it."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import Finding
from cdk8s_inference.platform import Platform


def incompatibilities(platform: Platform, *, disaggregated: bool) -> Iterator[Finding]:
    """What keeps a picker from working behind the platform's gateway, and what works otherwise.

    Args:
        platform: The platform's choices.
        disaggregated: Whether the picker names a prefill pod beside the one that it picks.
    """
    provider, failure_mode = platform.gateway.provider, platform.picker.failure_mode
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
    if disaggregated and not provider.gateway_api and platform.sidecar.ssrf_protection:
        yield Finding(
            "G104",
            "error",
            "",
            "the sidecar would look up an InferencePool to see whom it may call, and "
            f"{provider.name} has none: it would call nobody",
            "leave SidecarOptions.ssrf_protection at False; Envoy removes a client's headers",
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
