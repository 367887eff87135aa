"""Phases of engines, and the serving mode that they belong to."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.document.examples import (
    CEL_RULE,
    ENGINE,
    MEMBER,
    REFUSED,
    another_engine,
    prefill_decode,
)
from cdk8s_inference.document.subject import (
    DEPLOYMENT_RULES,
    ENGINE_RULES,
    DeploymentSubject,
    EngineSubject,
)
from cdk8s_inference.findings import shown
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import REMOVED, rewritten
from cdk8s_inference.findings.rule import Violation

ROLE_LABEL = "llm-d.ai/role"


@DEPLOYMENT_RULES.rule(
    "D101",
    "error",
    "PrefillDecode serving does not have two engines with a phase",
    why=f"{REFUSED} An engine without a phase receives no requests.",
    evidence=f"{CEL_RULE} In Python a phase can have several engines.",
    fix="keep one engine with phase Prefill and one with phase Decode; in Python, give every "
    "engine a phase",
    example=prefill_decode("spec.template.spec.engines[2]", another_engine("spare")),
)
def two_engines(deployment: DeploymentSubject) -> Iterator[Violation]:
    if not deployment.disaggregated:
        return
    if deployment.typed:
        for engine in deployment.engines:
            if not engine["phase"].present:
                yield Violation(
                    engine,
                    "the engine has no phase, and serving_mode is 'PrefillDecode'",
                    fix="set its phase to Prefill, Decode or Encode",
                )
    elif len(deployment.engines) != 2:
        yield Violation(
            deployment.replica["engines"],
            f"PrefillDecode serving needs exactly 2 engines, found {len(deployment.engines)}",
            fix="keep one engine with phase Prefill and one with phase Decode",
        )


@DEPLOYMENT_RULES.rule(
    "D102",
    "error",
    "PrefillDecode serving does not have one engine with phase Prefill",
    why=f"{REFUSED} Without prefill pods the decode pods do all the work, with status 200.",
    evidence=f"{CEL_RULE} {SEEN_RUN}",
    fix="set phase: Prefill on one engine",
    example=prefill_decode(f"{ENGINE}.phase", REMOVED),
)
def prefill_engine(deployment: DeploymentSubject) -> Iterator[Violation]:
    return _one_engine(deployment, "Prefill")


@DEPLOYMENT_RULES.rule(
    "D103",
    "error",
    "PrefillDecode serving does not have one engine with phase Decode",
    why=f"{REFUSED} Without decode pods the endpoint picker answers every request with 429.",
    evidence=f"{CEL_RULE} {SEEN_RUN}",
    fix="set phase: Decode on one engine",
    example=prefill_decode("spec.template.spec.engines[1].phase", REMOVED),
)
def decode_engine(deployment: DeploymentSubject) -> Iterator[Violation]:
    return _one_engine(deployment, "Decode")


def _one_engine(deployment: DeploymentSubject, phase: str) -> Iterator[Violation]:
    if not deployment.disaggregated:
        return
    count = sum(engine["phase"].value == phase for engine in deployment.engines)
    needed = "at least one engine" if deployment.typed else "exactly one engine"
    if count != 1 and not (deployment.typed and count):
        yield Violation(
            deployment.replica["engines"],
            f"PrefillDecode serving needs {needed} with phase {phase}, found {count}",
        )


@DEPLOYMENT_RULES.rule(
    "D104",
    "error",
    "An engine has a phase, and the serving mode is not PrefillDecode",
    why=f"{REFUSED} Behind a Service the engine processes whole requests, whatever its phase.",
    evidence=CEL_RULE,
    fix="set serving.mode to PrefillDecode, or remove the phase",
    example=rewritten("unified", "copies: 2", "phase: Decode\n          copies: 2"),
)
def phase_without_disaggregation(deployment: DeploymentSubject) -> Iterator[Violation]:
    if deployment.disaggregated:
        return
    for engine in deployment.engines:
        if engine["phase"].present:
            yield Violation(
                engine["phase"],
                f"phase is {shown(engine['phase'].value)}, and serving.mode is "
                f"{shown(deployment.mode)}",
            )


@ENGINE_RULES.rule(
    "D125",
    "error",
    "The role label contradicts the engine's phase",
    why="The endpoint picker selects pods by the label. It sends users' requests to pods that "
    "only prefill, or does not use the prefill pods.",
    evidence=f"{SEEN_RUN} The picker's filters read llm-d.ai/role.",
    fix="remove the label: routing sets it from the phase",
    example=prefill_decode(f"{MEMBER}.template.metadata", {"labels": {"llm-d.ai/role": "decode"}}),
)
def role_label(subject: EngineSubject) -> Iterator[Violation]:
    phase = subject.engine["phase"].text
    settings = [each["pod"] for each in subject.pod_settings]
    for template in (*(member["template"] for member in subject.members), *settings):
        label = template.at("metadata", "labels", ROLE_LABEL)
        if phase is not None and label.text is not None and label.text != phase.lower():
            yield Violation(
                label,
                f"label {ROLE_LABEL} is {shown(label.text)}, and the engine's phase is "
                f"{shown(phase)}",
                subject.engine["phase"],
            )
