"""Labels and annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference import labels
from cdk8s_inference.document.examples import CEL_RULE, LABELS, unified
from cdk8s_inference.document.subject import METADATA_RULES, MetadataSubject
from cdk8s_inference.findings import shown
from cdk8s_inference.findings.rule import Violation

_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_RESERVED = ("modelplane.ai/", "leaderworkerset.sigs.k8s.io/", labels.PREFIX)
_LONGEST_PREFIX = 253


@METADATA_RULES.rule(
    "D111",
    "error",
    "A label has a reserved prefix",
    why="Workloads, pools and controllers select pods by these labels: they would select pods "
    "that do not belong to them.",
    evidence="modelplane.ai/ is reserved by Modelplane, leaderworkerset.sigs.k8s.io/ by "
    "LeaderWorkerSet's controller, and cdk8s-inference/ by this library.",
    fix="use a prefix of your own",
    example=unified(f"{LABELS}[modelplane.ai/team]", "chat"),
)
def reserved_prefix(metadata: MetadataSubject) -> Iterator[Violation]:
    if metadata.noun != "label":
        return
    for key, entry in metadata.entries.fields():
        if key.startswith(_RESERVED):
            yield Violation(
                entry,
                f"label {shown(key)} has a reserved prefix",
                fix=f"use another prefix than {' or '.join(_RESERVED)}",
            )


@METADATA_RULES.rule(
    "D112",
    "error",
    "The key of a label or annotation has an invalid format",
    why="The API server rejects every object that has the key.",
    evidence=f"Kubernetes' syntax of labels and annotations. {CEL_RULE}",
    fix="write [prefix/]name; the name has up to 63 of [A-Za-z0-9._-] and starts and ends with a "
    "letter or digit",
    example=unified(f"{LABELS}[cost center]", "chat"),
)
def key_format(metadata: MetadataSubject) -> Iterator[Violation]:
    for key, entry in metadata.entries.fields():
        if not _KEY.fullmatch(key):
            yield Violation(entry, f"{shown(key)} is not a valid {metadata.noun} key")


@METADATA_RULES.rule(
    "D113",
    "error",
    "The prefix of a label's or annotation's key is too long",
    why="The API server rejects every object that has the key.",
    evidence=f"Kubernetes: a prefix is a DNS name, up to 253 characters. {CEL_RULE}",
    fix=f"use a prefix of at most {_LONGEST_PREFIX} characters",
    example=unified(f"{LABELS}[{'chat.' * 50}example/team]", "chat"),
)
def prefix_length(metadata: MetadataSubject) -> Iterator[Violation]:
    for key, entry in metadata.entries.fields():
        if (length := len(key.split("/")[0])) > _LONGEST_PREFIX:
            yield Violation(
                entry,
                f"the prefix of {metadata.noun} {shown(key)} has {length} characters, at most "
                f"{_LONGEST_PREFIX} are allowed",
            )


@METADATA_RULES.rule(
    "D114",
    "error",
    "The value of a label has an invalid format",
    why="The API server rejects every object that has the label.",
    evidence=f"Kubernetes' syntax of labels. {CEL_RULE}",
    fix="use up to 63 of [A-Za-z0-9._-], starting and ending with a letter or digit; annotations "
    "accept any text",
    example=unified(f"{LABELS}[cost-center]", "chat & agents"),
)
def label_value(metadata: MetadataSubject) -> Iterator[Violation]:
    if metadata.noun != "label":
        return
    for _, entry in metadata.entries.fields():
        value = entry.text
        if value is not None and not (_VALUE.fullmatch(value) and len(value) <= 63):
            yield Violation(entry, f"{shown(value)} is not a valid label value")
