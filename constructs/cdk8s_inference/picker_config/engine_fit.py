"""Whether a picker's configuration is one for the engines behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.document.examples import (
    PYTHON_ENCODE,
    PYTHON_SGLANG,
    with_argument,
)
from cdk8s_inference.document.model_deployment import Engine, ServingMode, Stage
from cdk8s_inference.document.rules.kv_transfer import kv_transfer
from cdk8s_inference.document.validation import engine_cursor
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.evidence import SEEN
from cdk8s_inference.findings.example import edited, python
from cdk8s_inference.findings.rule import RuleSet, Violation
from cdk8s_inference.picker_config import DisaggregatedConfig, PickerConfig
from cdk8s_inference.picker_config.verdict import Verdict
from cdk8s_inference.platform import Platform
from cdk8s_inference.releases.connector import ServingEngine
from cdk8s_inference.source import Cursor


@dataclass(frozen=True)
class EngineFitSubject:
    """A picker's configuration over the engines of a pool or Service.

    Attributes:
        config: The configuration.
        platform: The platform's choices.
        disaggregated: Whether prefill and decode pods are behind the picker.
        decodes: What the decode pods run; None where there are none.
        encoders: Whether there are encode pods.
    """

    config: PickerConfig
    platform: Platform
    disaggregated: bool
    decodes: ServingEngine | None = None
    encoders: bool = False

    @cached_property
    def verdict(self) -> Verdict:
        """What a picker of the platform's release does with the configuration."""
        return self.config.verdict(self.platform.router)

    @property
    def behind_a_service(self) -> bool:
        """Whether there is no picker that could read the configuration."""
        return not self.disaggregated and self.platform.unified_mode == "service"

    @property
    def matches(self) -> bool:
        """Whether the configuration is for the way that the engines serve."""
        return not self.behind_a_service and self.verdict.disaggregated == self.disaggregated


ENGINE_FIT_RULES: RuleSet[EngineFitSubject] = RuleSet()


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
    transfer, _ = kv_transfer(stages, platform.router, platform.sidecar)
    if transfer is None:
        return []
    return disaggregated_incompatibilities(
        config, platform, decodes=transfer.connector.engine, encoders=bool(stages["Encode"])
    )


def unified_incompatibilities(config: PickerConfig, platform: Platform) -> list[Finding]:
    """Why a configuration cannot be used over pods that process whole requests.

    Raises:
        NotInReleaseError: The release lacks what the configuration needs.
    """
    return _incompatibilities(EngineFitSubject(config, platform, disaggregated=False))


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
    return _incompatibilities(EngineFitSubject(config, platform, True, decodes, encoders))


def _incompatibilities(subject: EngineFitSubject) -> list[Finding]:
    findings = list(ENGINE_FIT_RULES.findings(subject))
    if subject.matches:
        findings = [*subject.config.refusals(subject.platform.router), *findings]
    return findings


@ENGINE_FIT_RULES.rule(
    "W110",
    "error",
    "The endpoint picker sends prompts to SGLang decode engines without prefill",
    why="A decode engine of SGLang cannot prefill: each prompt that the picker does not "
    "disaggregate, such as a short or cached one, is answered with 400.",
    evidence="llm-d's documentation of SGLang; sgl-project/sglang#14628.",
    fix="use DisaggregatedConfig.always(), or AlwaysDisaggregate() as the decider",
    example=python(
        edited(
            PYTHON_SGLANG, ("DisaggregatedConfig.always()", "DisaggregatedConfig.prefix_aware()")
        ),
        PYTHON_SGLANG,
    ),
)
def sglang_without_prefill(subject: EngineFitSubject) -> Iterator[Violation]:
    if not subject.matches or subject.decodes != "sglang":
        return
    if subject.verdict.starts and subject.verdict.shortest_prompt != 0:
        yield Violation(
            None,
            "an SGLang decode engine cannot prefill, and the endpoint picker sends it prompts "
            "that no prefill engine has processed: each is answered with 400",
        )


@ENGINE_FIT_RULES.rule(
    "W112",
    "error",
    "The picker's configuration does not match how the engines serve",
    why="Over prefill and decode pods, a configuration for whole requests sends users to prefill "
    "pods and disaggregates nothing, with status 200.",
    evidence=f"{SEEN}.",
    fix="use a DisaggregatedConfig for PrefillDecode, and a UnifiedConfig behind a picker for "
    "Unified",
    example=python(
        with_argument("picker_config", "UnifiedConfig.prefix_aware()"),
        with_argument("picker_config", "DisaggregatedConfig.prefix_aware()"),
    ),
)
def other_serving_mode(subject: EngineFitSubject) -> Iterator[Violation]:
    if subject.behind_a_service:
        yield Violation(
            None,
            "picker_config is given, and a Service fronts the engines: there is no endpoint picker",
            fix='set Platform(unified_mode="picker"), or remove picker_config',
        )
    elif not subject.matches and subject.disaggregated:
        yield Violation(
            None,
            "the picker's configuration is for pods that process whole requests, and these are "
            "prefill and decode pods",
            fix="use a DisaggregatedConfig",
        )
    elif not subject.matches:
        yield Violation(
            None,
            "the picker's configuration is for prefill and decode pods, and these pods process "
            "whole requests",
            fix="use a UnifiedConfig",
        )


@ENGINE_FIT_RULES.rule(
    "W113",
    "error",
    "The picker's configuration has no profile for encode engines",
    why="The encode engines stay idle, and the engines that prefill encode the images as well, "
    "with status 200.",
    evidence=f"{SEEN}: without a decider for encode the picker logs once that the stage is "
    "disabled.",
    fix="set DisaggregatedConfig.encode, or leave picker_config out",
    example=python(
        with_argument("picker_config", "DisaggregatedConfig.prefix_aware()", PYTHON_ENCODE),
        PYTHON_ENCODE,
    ),
)
def no_encode_profile(subject: EngineFitSubject) -> Iterator[Violation]:
    config = subject.config
    if (
        subject.matches
        and subject.encoders
        and isinstance(config, DisaggregatedConfig)
        and config.encode is None
    ):
        yield Violation(
            None,
            "there are encode engines, and the picker's configuration has no profile for them",
        )
