"""Who answers requests: the profile for decode, and the pods that pass its filters."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN, SEEN_RUN
from cdk8s_inference.findings.example import edited, picker_config
from cdk8s_inference.picker_config.document import PickerDocument
from cdk8s_inference.picker_config.example_configs import WORKS
from cdk8s_inference.picker_config.rule import REFUSES, rule
from cdk8s_inference.picker_config.serving import PREFILL, answering_profile, answers, decode_name


@rule(
    "P201",
    "error",
    "There is no profile for decode",
    why=REFUSES,
    evidence=SEEN_RUN,
    fix="name a profile decode, or name yours in the handler's profiles.decode",
    example=picker_config(edited(WORKS, ("- name: decode", "- name: decoding")), WORKS),
)
def no_decode_profile(document: PickerDocument) -> Iterator[Violation]:
    if answering_profile(document) is None:
        handler, name = document.handlers[0], decode_name(document)
        yield Violation(
            handler.at,
            f"{handler.name!r} runs profile {name!r} for decode, which does not exist",
            fix=f"name a profile {name!r}",
        )


@rule(
    "P202",
    "error",
    "No pod passes the filters of the profile for decode",
    why=REFUSES,
    evidence=f"{SEEN}, with no ready decode pod.",
    fix="keep decode-filter alone in the profile",
    example=picker_config(
        edited(
            WORKS,
            (
                "      - pluginRef: decode-filter\n",
                "      - pluginRef: decode-filter\n      - pluginRef: prefill-filter\n",
            ),
        ),
        WORKS,
    ),
)
def no_decode_endpoint(document: PickerDocument) -> Iterator[Violation]:
    profile = answering_profile(document)
    if profile is not None and not answers(document):
        yield Violation(profile.at, f"no pod passes the filters of profile {profile.name!r}")


@rule(
    "P401",
    None,
    "Prefill pods answer users",
    why="Prefill pods are picked for whole requests, which they decode as well, with status 200: "
    "nothing is disaggregated there, and their decoding slows the prefill of others.",
    evidence=SEEN_RUN,
    fix="add decode-filter to the profile for decode",
    example=picker_config(
        edited(
            WORKS,
            ("  - type: decode-filter\n", ""),
            ("      - pluginRef: decode-filter\n", ""),
        ),
        WORKS,
    ),
)
def prefill_answers(document: PickerDocument) -> Iterator[Violation]:
    profile = answering_profile(document)
    if profile is not None and PREFILL in answers(document):
        yield Violation(
            profile.at,
            f"profile {profile.name!r} admits prefill pods, which then answer users",
            severity="warning",
        )
