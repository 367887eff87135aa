"""Whether a picker's configuration is one for the engines behind it."""

from __future__ import annotations

from collections.abc import Sequence

from cdk8s_inference.document.kv_transfer import handover
from cdk8s_inference.document.model_deployment import Engine, ServingMode, Stage
from cdk8s_inference.document.validation import engine_cursor
from cdk8s_inference.findings import Finding
from cdk8s_inference.picker_config import DisaggregatedConfig, PickerConfig
from cdk8s_inference.platform import Platform
from cdk8s_inference.releases.connector import ServingEngine
from cdk8s_inference.source import Cursor


def incompatibilities(
    config: PickerConfig, engines: Sequence[Engine], mode: ServingMode, platform: Platform
) -> list[Finding]:
    """Why a configuration cannot be used over the engines of a deployment.

    Raises:
        NotInReleaseError: The release lacks what the configuration needs.
    """
    if mode == "Unified":
        return unified_incompatibilities(config, platform)
    stages: dict[Stage, list[Cursor]] = {"Encode": [], "Prefill": [], "Decode": []}
    for engine in engines:
        if engine.stage is not None:
            stages[engine.stage].append(engine_cursor(engine))
    agreed, _ = handover(stages, platform.router, platform.sidecar)
    if agreed is None:
        return []
    return disaggregated_incompatibilities(
        config, platform, decodes=agreed.connector.engine, encoders=bool(stages["Encode"])
    )


def unified_incompatibilities(config: PickerConfig, platform: Platform) -> list[Finding]:
    """Why a configuration cannot be used over pods that do whole requests.

    Raises:
        NotInReleaseError: The release lacks what the configuration needs.
    """
    if platform.unified_mode == "service":
        return [
            _misfit(
                "W112",
                "a picker's configuration is given, and a Service fronts the engines",
                'set Platform(unified_mode="picker"), or leave it out',
            )
        ]
    if config.verdict(platform.router).disaggregated:
        return [
            _misfit(
                "W112",
                "the picker's configuration is for prefill and decode pods, and these pods do "
                "whole requests",
                "give a UnifiedConfig",
            )
        ]
    return config.refusals(platform.router)


def disaggregated_incompatibilities(
    config: PickerConfig, platform: Platform, *, decodes: ServingEngine, encoders: bool
) -> list[Finding]:
    """Why a configuration cannot be used over prefill and decode pods.

    Args:
        config: The configuration.
        platform: The platform's choices.
        decodes: What the decode pods run.
        encoders: Whether there are encode pods.

    Raises:
        NotInReleaseError: The release lacks what the configuration needs.
    """
    verdict = config.verdict(platform.router)
    if not verdict.disaggregated:
        return [
            _misfit(
                "W112",
                "the picker's configuration is for pods that do whole requests: it would send "
                "users to prefill pods",
                "give a DisaggregatedConfig",
            )
        ]
    incompatibilities = config.refusals(platform.router)
    if encoders and isinstance(config, DisaggregatedConfig) and config.encode is None:
        incompatibilities.append(
            _misfit(
                "W113",
                "there are encode engines, and the picker's configuration has no profile for "
                "them: they would never be asked",
                "set DisaggregatedConfig.encode",
            )
        )
    if decodes == "sglang" and verdict.starts and verdict.shortest_prompt != 0:
        incompatibilities.append(
            _misfit(
                "W110",
                "an SGLang decode engine cannot prefill, and the picker would send it prompts "
                "that no prefill engine has seen: each is answered with 400",
                "use DisaggregatedConfig.always(), or AlwaysDisaggregate() as the decider",
            )
        )
    return incompatibilities


def _misfit(code: str, message: str, fix: str) -> Finding:
    return Finding(code, "error", "", message, fix)
