"""Environment variables, and characters of any value that do not reach the container."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.document.examples import CONTAINER, unified
from cdk8s_inference.document.subject import ENGINE_RULES, EngineSubject
from cdk8s_inference.findings import shown, shown_list
from cdk8s_inference.findings.rule import Violation

_REJECTED = "Modelplane accepts the document, and the API server rejects the workload."

_UNWRITABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""Characters that YAML's writers and readers lose, change or refuse."""


@ENGINE_RULES.rule(
    "D130",
    "error",
    "An environment variable has both value and valueFrom",
    why=_REJECTED,
    evidence="Kubernetes: value and valueFrom exclude each other.",
    fix="keep one of them",
    example=unified(f"{CONTAINER}.env[0].value", "none"),
)
def value_and_source(subject: EngineSubject) -> Iterator[Violation]:
    for container in subject.containers:
        for variable in container["env"].items():
            if variable["value"].present and variable["valueFrom"].present:
                yield Violation(
                    variable, f"{shown(variable['name'].value)} has both value and valueFrom"
                )


@ENGINE_RULES.rule(
    "D131",
    "error",
    "An environment variable does not have exactly one source",
    why=_REJECTED,
    evidence="Kubernetes: valueFrom has exactly one source.",
    fix="set exactly one of secretKeyRef, configMapKeyRef and fieldRef",
    example=unified(
        f"{CONTAINER}.env[0].valueFrom.configMapKeyRef",
        {"name": "hugging-face", "key": "token"},
    ),
)
def one_source(subject: EngineSubject) -> Iterator[Violation]:
    for container in subject.containers:
        for variable in container["env"].items():
            source = variable["valueFrom"]
            kinds = [key for key, child in source.fields() if child.present]
            if source.present and len(kinds) != 1:
                yield Violation(
                    source,
                    f"valueFrom has {len(kinds)} sources"
                    + (f": {shown_list(kinds)}" if kinds else ""),
                )


@ENGINE_RULES.rule(
    "D132",
    "error",
    "A value has a character that does not reach the container",
    why="The engine receives another argument than the document shows, and rejects what looks "
    "right.",
    evidence="YAML writers and readers escape, fold or refuse control characters, Unicode line "
    "separators and byte order marks.",
    fix="remove the character, or encode it in a form that the engine decodes",
    example=unified(f"{CONTAINER}.args[0]", "\ufeff--model=Qwen/Qwen3-8B"),
)
def unwritable_character(subject: EngineSubject) -> Iterator[Violation]:
    for place in subject.engine.descendants():
        if place.text is not None and (found := _UNWRITABLE.search(place.text)):
            yield Violation(
                place,
                f"{shown(place.text)} has the character U+{ord(found[0]):04X}, which does not "
                "reach the container as written",
            )
